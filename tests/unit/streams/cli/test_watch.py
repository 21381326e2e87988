"""What ``petstream watch`` says of a message that is no result."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.cli import watch
from streams.subscriber.received_event import UnreadableEventError, read

PLACE = "image-classifications, partition 0, offset 7: "
TYPE = ("ce_type", b"petstream.image.classified.v1")


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ([TYPE], b"{", "it is not JSON"),
        ([TYPE], b"\xff", "it is not JSON"),
        ([TYPE], b"{}", "the field id is missing"),
        ([], b"{}", "unknown ce_type None"),
    ],
)
def test_an_unreadable_message_is_told_with_its_place_and_in_plain_words(
    headers: list[tuple[str, bytes]], body: bytes, said: str
) -> None:
    message = SimpleNamespace(topic="image-classifications", partition=0, offset=7, headers=headers, value=body)
    with pytest.raises(UnreadableEventError) as caught:
        read(cast("Any", message))
    assert watch._why(caught.value) == f"{PLACE}{said}"
