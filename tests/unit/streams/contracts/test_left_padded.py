"""What an earlier petstream padded on the left, on topics and in rows, is read in the order of today."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.versions import StoredVersion
from streams.backfill.listing import Listed
from streams.backfill.notification import notification
from streams.contracts import ImageClassified, ImageRejected, cloudevents, decode_classified, decode_rejected, encode
from streams.contracts.identity import NO_SEQUENCER, pad_sequencer
from streams.contracts.versions import Newest
from streams.notifications.upload import ImageUploaded, parse
from streams.sink.rows import record_of
from tests.records import classification, rejection
from tests.sinking import classified
from tests.unit.streams.sink.test_rows import rejected

CAT, DOG = "0055AED6DCD90281E5", "0055AED6DCD91"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DIGITS = st.text("0123456789ABCDEF", max_size=20)
DECODERS: list[Any] = [(classified("pets", "k"), decode_classified), (rejected("k"), decode_rejected)]


def of_before(event: ImageClassified | ImageRejected, sequencer: str) -> bytes:
    """The event's body, as an earlier classifier wrote it."""
    return json.dumps(json.loads(encode(event)) | {"sequencer": sequencer.rjust(64, "0")}).encode()


@pytest.mark.parametrize(("event", "decode"), DECODERS)
@given(told=DIGITS)
def test_an_event_of_before_has_the_version_that_its_upload_gives_today(event: Any, decode: Any, told: str) -> None:
    read = decode(of_before(event, told))
    assert read.sequencer == pad_sequencer(told)
    assert record_of(read).source_sequencer == pad_sequencer(told)
    assert decode(encode(read)) == read


@pytest.mark.parametrize(("event", "decode"), DECODERS)
def test_the_later_upload_wins_whichever_classifier_told_of_it(event: Any, decode: Any) -> None:
    events = {
        (sequencer, form): decode(body)
        for sequencer in (CAT, DOG)
        for form, body in (
            ("before", of_before(event, sequencer)),
            ("today", json.dumps(json.loads(encode(event)) | {"sequencer": pad_sequencer(sequencer)}).encode()),
        )
    }
    for form in ("before", "today"):
        for other in ("before", "today"):
            newest = Newest()
            assert newest.passes(events[CAT, form])
            assert newest.passes(events[DOG, other])
            assert not newest.passes(events[CAT, other])
            assert not newest.passes(events[DOG, form])


def test_a_repeated_event_has_the_name_that_subscribers_know() -> None:
    read = decode_classified(of_before(classified("pets", "k"), CAT))
    assert cloudevents.version_id(read).split("/")[1] == CAT.lstrip("0")  # as the classifier of before named it


@given(told=DIGITS)
def test_a_record_is_padded_on_the_right_whoever_makes_it(told: str) -> None:
    for made in (classification("k"), rejection("k")):
        assert replace(made, source_sequencer=told.rjust(64, "0")).source_sequencer == pad_sequencer(told)


@pytest.mark.parametrize("pad", [pad_sequencer, lambda told: told.rjust(64, "0")])
def test_our_own_event_copies_the_stored_version_before_and_after_the_migration(pad: Any) -> None:
    stored = StoredVersion(pad(CAT), NOON, 1, "e")
    message = notification("reconcile", "pets", Listed("k", NOON, 7, "other"), stored)
    (upload,) = parse(message)
    assert isinstance(upload, ImageUploaded)
    assert NO_SEQUENCER < upload.sequencer == pad_sequencer(CAT)
    told = json.loads(message)["Records"][0]["s3"]["object"]["sequencer"]
    assert told.rjust(64, "0") == upload.sequencer, "a classifier of before takes it as it is"
