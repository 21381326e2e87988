"""The oldest message that waits is looked at where a group stands, once, and nowhere else."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition

from streams.board.oldest_messages import STALLED_AFTER_SECONDS, OldestMessages
from tests.board_events import NOON, after

ONE, OTHER = TopicPartition("t", 0), TopicPartition("t", 1)


class Client:
    """Has one message at each offset, sent so many milliseconds after noon."""

    def __init__(self) -> None:
        self.asked: list[tuple[TopicPartition, int]] = []
        self.at: dict[TopicPartition, int] = {}

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.at = dict.fromkeys(partitions, -1)

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.at[at] = offset
        self.asked.append((at, offset))

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        assert timeout_ms > 0
        moments = {at: round(after(self.at[at]).timestamp() * 1000) for at in partitions}
        return {at: [SimpleNamespace(timestamp=moment)] for at, moment in moments.items()}

    def unsubscribe(self) -> None:
        self.at = {}


async def test_only_where_a_group_stands_and_only_once() -> None:
    now, client = 0.0, Client()
    oldest_messages = OldestMessages(cast("Any", client), lambda: now)
    assert await oldest_messages.oldest({ONE: 5, OTHER: 9}) is None
    now = STALLED_AFTER_SECONDS
    assert await oldest_messages.oldest({ONE: 6, OTHER: 9}) == after(9)
    now += STALLED_AFTER_SECONDS
    assert await oldest_messages.oldest({ONE: 6, OTHER: 9}) == after(6)
    assert await oldest_messages.oldest({ONE: 6, OTHER: 9}) == after(6)
    assert client.asked == [(OTHER, 9), (ONE, 6)]
    assert await oldest_messages.oldest({OTHER: 10}) is None
    assert await oldest_messages.oldest({}) is None


async def test_nothing_is_asked_while_a_group_goes_on() -> None:
    now, client = 0.0, Client()
    oldest_messages = OldestMessages(cast("Any", client), lambda: now)
    for offset in range(50):
        now += 1
        assert await oldest_messages.oldest({ONE: offset}) is None
    assert client.asked == []
    assert after(0) == NOON
