"""The oldest waiting message is read where something waits for seconds, and whether its group goes on is known."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition

from streams.board.oldest_messages import STALLED_AFTER_SECONDS, WAITS_AFTER_SECONDS, FirstMessage, OldestMessages
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


async def test_a_head_is_read_once_something_has_waited_and_again_when_it_has_moved_on() -> None:
    now, client = 0.0, Client()
    oldest_messages = OldestMessages(cast("Any", client), lambda: now)
    assert await oldest_messages.look({ONE: 5, OTHER: 9}) == {ONE: FirstMessage(None), OTHER: FirstMessage(None)}
    now = WAITS_AFTER_SECONDS
    assert await oldest_messages.look({ONE: 6, OTHER: 9}) == {
        ONE: FirstMessage(after(6)),
        OTHER: FirstMessage(after(9)),
    }
    now += WAITS_AFTER_SECONDS - 1
    assert (await oldest_messages.look({ONE: 7, OTHER: 9}))[ONE] == FirstMessage(after(6))
    now += 1
    heads = await oldest_messages.look({ONE: 8, OTHER: 9})
    assert heads == {ONE: FirstMessage(after(8)), OTHER: FirstMessage(after(9), STALLED_AFTER_SECONDS)}
    assert client.asked == [(ONE, 6), (OTHER, 9), (ONE, 8)]
    assert await oldest_messages.look({}) == {}


async def test_nothing_is_asked_while_what_comes_is_taken() -> None:
    now, client = 0.0, Client()
    oldest_messages = OldestMessages(cast("Any", client), lambda: now)
    for offset in range(50):
        now += 1
        assert await oldest_messages.look({ONE: offset} if offset % 4 else {}) in ({}, {ONE: FirstMessage(None)})
    assert client.asked == []
    assert after(0) == NOON
