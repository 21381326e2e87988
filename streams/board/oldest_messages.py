"""How old the oldest waiting message of each partition is, and whether its consumer group takes anything."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka import TopicPartition

from streams.contracts.message_time import message_time
from streams.kafka.consumer import Consumer

HEAD_BYTES: Final = 64 * 1024
"""Most bytes of a partition in one fetch. A larger message is fetched alone."""
READ_SECONDS: Final = 2.0
WAITS_AFTER_SECONDS: Final = 5.0
"""The oldest message of a partition is read once something has waited there for so long, and again so much later."""
STALLED_AFTER_SECONDS: Final = 10.0
"""Groups commit every few seconds (KAFKA_COMMIT_INTERVAL_SECONDS), and no upload holds up others for longer."""


@dataclass(frozen=True, slots=True)
class FirstMessage:
    """
    The first waiting message of a partition.

    ``at`` is its time; None: not read yet. It may be that of a message taken in the last seconds. ``untaken_seconds``
    is for how long the group has taken nothing; 0 while it goes on.
    """

    at: datetime | None
    untaken_seconds: float = 0.0


@dataclass(slots=True)
class _Watch:
    """A partition in which something waits; times in seconds of the clock."""

    offset: int
    waits_since: float
    same_since: float
    read: tuple[int, float, datetime] | None = None
    """The offset that was read, when, and the message's time."""


class OldestMessages:
    """The first waiting messages. Reads nothing while what comes is taken within seconds."""

    def __init__(self, client: Consumer, clock: Callable[[], float] = time.monotonic) -> None:
        """``client`` is started and has no group; its assignment changes with each read."""
        self._client = client
        self._clock = clock
        self._watched: dict[TopicPartition, _Watch] = {}

    async def look(self, waiting: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, FirstMessage]:
        """
        The heads of the partitions in which something waits.

        Args:
            waiting: the offset of the first waiting message, by partition.
        """
        now = self._clock()
        self._watched = {at: self._watched.get(at) or _Watch(offset, now, now) for at, offset in waiting.items()}
        for at, watch in self._watched.items():
            if watch.offset != waiting[at]:
                watch.offset, watch.same_since = waiting[at], now
        unread = {at: watch.offset for at, watch in self._watched.items() if _is_due(watch, now)}
        if unread:
            await self._read(unread, now)
        return {at: _head(watch, now) for at, watch in self._watched.items()}

    async def _read(self, unread: Mapping[TopicPartition, int], now: float) -> None:
        self._client.assign(list(unread))
        for at, offset in unread.items():
            self._client.seek(at, offset)
        deadline, missing = time.monotonic() + READ_SECONDS, set(unread)
        while missing and time.monotonic() < deadline:
            for at, messages in (await self._client.getmany(*missing, timeout_ms=200)).items():
                missing.discard(at)
                moment = message_time(messages[0].timestamp, datetime.now(UTC))
                self._watched[at].read = (unread[at], now, moment)
        self._client.unsubscribe()


def _is_due(watch: _Watch, now: float) -> bool:
    if watch.read is None:
        return now - watch.waits_since >= WAITS_AFTER_SECONDS
    offset, read_at, _ = watch.read
    return offset != watch.offset and now - read_at >= WAITS_AFTER_SECONDS


def _head(watch: _Watch, now: float) -> FirstMessage:
    still = now - watch.same_since
    return FirstMessage(None if watch.read is None else watch.read[2], still if still >= STALLED_AFTER_SECONDS else 0.0)
