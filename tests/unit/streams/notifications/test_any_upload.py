"""Whatever an event says: it is skipped, or it has an outcome that its topic and its row can hold."""

from hypothesis import given

from streams.notifications.upload import ImageUploaded, parse
from tests.any_upload import messages, rows_of


@given(messages)
def test_whatever_parses_becomes_an_event_and_a_row(message: bytes) -> None:
    named = [upload for upload in parse(message) if isinstance(upload, ImageUploaded)]
    rows = list(rows_of(message))
    assert {upload.id for upload in named} <= {row.id for row in rows}
    for row in rows:
        assert row.source_sequencer == "0" * 64 or not row.source_sequencer.startswith("0")
