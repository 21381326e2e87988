"""Since when the oldest message waits, where nobody goes on. Where somebody does, nothing is read."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from aiokafka import TopicPartition

from streams.contracts.message_time import message_time
from streams.kafka.consumer import Consumer

HEAD_BYTES: Final = 64 * 1024
"""Of a partition, in one fetch; a larger message comes all the same."""
READ_SECONDS: Final = 2.0
STANDS_AFTER_SECONDS: Final = 10.0
"""Groups commit every few seconds (KAFKA_COMMIT_INTERVAL_SECONDS), and nobody is held up for longer than this."""


class Heads:
    """The first message that waits in each partition: read once for each place at which a group stands."""

    def __init__(self, client: Consumer, clock: Callable[[], float] = time.monotonic) -> None:
        """``client`` is started, has no group, and is assigned to whatever is looked at."""
        self._client = client
        self._clock = clock
        self._stands: dict[TopicPartition, tuple[int, float]] = {}
        self._times: dict[TopicPartition, tuple[int, datetime]] = {}

    async def oldest(self, waiting: Mapping[TopicPartition, int]) -> datetime | None:
        """
        The time of the oldest message among those at which a group has stood for STANDS_AFTER_SECONDS.

        Args:
            waiting: by partition with anything that waits, the offset of the first of it.
        """
        now = self._clock()
        before = self._stands
        self._stands = {
            at: before[at] if before.get(at, (None, now))[0] == offset else (offset, now)
            for at, offset in waiting.items()
        }
        standing = {at: offset for at, (offset, since) in self._stands.items() if now - since >= STANDS_AFTER_SECONDS}
        self._times = {at: known for at, known in self._times.items() if standing.get(at) == known[0]}
        unread = {at: offset for at, offset in standing.items() if at not in self._times}
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
