"""How old the oldest waiting message is, in partitions where the consumer group makes no progress."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from aiokafka import TopicPartition

from streams.contracts.message_time import message_time
from streams.kafka.consumer import Consumer

HEAD_BYTES: Final = 64 * 1024
"""Most bytes of a partition in one fetch. A larger message is fetched alone."""
READ_SECONDS: Final = 2.0
STALLED_AFTER_SECONDS: Final = 10.0
"""Groups commit every few seconds (KAFKA_COMMIT_INTERVAL_SECONDS), and no upload holds up others for longer."""


class OldestMessages:
    """The first waiting message of each stalled partition, read once per committed offset."""

    def __init__(self, client: Consumer, clock: Callable[[], float] = time.monotonic) -> None:
        """``client`` is started and has no group; its assignment changes with each read."""
        self._client = client
        self._clock = clock
        self._positions: dict[TopicPartition, tuple[int, float]] = {}
        self._times: dict[TopicPartition, tuple[int, datetime]] = {}

    async def oldest(self, waiting: Mapping[TopicPartition, int]) -> datetime | None:
        """
        The time of the oldest message at which a group has stayed for STALLED_AFTER_SECONDS; None if there is none.

        Args:
            waiting: the offset of the first waiting message, by partition.
        """
        now = self._clock()
        before = self._positions
        self._positions = {
            at: before[at] if before.get(at, (None, now))[0] == offset else (offset, now)
            for at, offset in waiting.items()
        }
        stalled = {
            at: offset for at, (offset, since) in self._positions.items() if now - since >= STALLED_AFTER_SECONDS
        }
        self._times = {at: known for at, known in self._times.items() if stalled.get(at) == known[0]}
        unread = {at: offset for at, offset in stalled.items() if at not in self._times}
        if unread:
            await self._read(unread)
        return min((moment for _, moment in self._times.values()), default=None)

    async def _read(self, unread: Mapping[TopicPartition, int]) -> None:
        self._client.assign(list(unread))
        for at, offset in unread.items():
            self._client.seek(at, offset)
        deadline, missing = time.monotonic() + READ_SECONDS, set(unread)
        while missing and time.monotonic() < deadline:
            for at, messages in (await self._client.getmany(*missing, timeout_ms=200)).items():
                missing.discard(at)
                self._times[at] = (unread[at], message_time(messages[0].timestamp, datetime.now(UTC)))
        self._client.unsubscribe()
