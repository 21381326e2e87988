import msgspec
import pytest

from streams.contracts.decode_errors import decode_error_text


class Bucket(msgspec.Struct):
    name: str


class Record(msgspec.Struct):
    bucket: Bucket
    sizes: list[int] = []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", "the field bucket is missing"),
        (b'{"bucket": {}}', "the field bucket.name is missing"),
        (b'{"bucket": {"name": 3}}', "the field bucket.name has a wrong value"),
        (b'{"bucket": {"name": "b"}, "sizes": [1, "two"]}', "the field sizes[1] has a wrong value"),
        (b"[]", "it does not have the expected form"),
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
    ],
)
def test_what_is_wrong_is_said_without_a_librarys_words(body: bytes, text: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Record)
    assert decode_error_text(caught.value) == text
