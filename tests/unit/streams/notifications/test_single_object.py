from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.identity import pad_sequencer
from streams.notifications.single_object import single_object_notification
from streams.notifications.upload import ImageUploaded, Malformed, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@given(
    st.builds(
        ImageUploaded,
        bucket=st.from_regex("[a-z0-9.-]{3,40}", fullmatch=True),
        key=TEXT,
        uploaded_at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds it
        sequencer=(st.just("") | st.from_regex("[0-9A-F]{1,40}", fullmatch=True)).map(pad_sequencer),
        version_id=st.none() | st.from_regex("[0-9a-zA-Z_-]{1,40}", fullmatch=True),
        etag=st.none() | st.from_regex("[0-9a-f-]{1,40}", fullmatch=True),
        size_bytes=st.none() | st.integers(1, 2**40),
    )
)
def test_a_notification_names_just_its_upload(upload: ImageUploaded) -> None:
    assert parse(single_object_notification(upload)) == [upload]


def test_a_piece_of_a_bad_record_is_malformed_in_the_same_way() -> None:
    message = b'{"Records":[{"eventName":"ObjectCreated:Put"},{},7]}'
    for upload in parse(message):
        assert isinstance(upload, Malformed)
        assert parse(single_object_notification(upload)) == [upload]


def test_a_piece_of_what_is_no_json_is_the_whole() -> None:
    (upload,) = parse(b"not json")
    assert isinstance(upload, Malformed)
    assert single_object_notification(upload) == b"not json"
