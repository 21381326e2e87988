"""
The acknowledgement rule: a delivery is acknowledged only after all earlier ones of its partition.

Faust commits past gaps (faust-streaming/faust#606): once offset 12 is acknowledged, the commit may cover an
unacknowledged 11, too, which is then not delivered again. So a settled delivery waits here until all earlier deliveries
of its partition are settled, and only then is acknowledged, in order.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, Protocol, TypeVar

MAX_PENDING: Final = 4096
"""Deliveries: the throughput of the half minute that one slow delivery may take."""
MAX_PENDING_BYTES: Final = 64 * 1024 * 1024
"""Bytes of messages, which have about 1 kB each and at most 2 MiB."""


class Acknowledgeable(Protocol):
    """What the rule needs of a Faust event."""

    def ack(self) -> object:
        """Allow the offset to be committed."""


EventT = TypeVar("EventT", bound=Acknowledgeable)


class Delivery(Generic[EventT]):
    """One message in flight; settled once the broker has confirmed all outcomes of all its objects."""

    __slots__ = ("event", "partition", "settled", "size_bytes")

    def __init__(self, event: EventT, partition: Hashable, size_bytes: int) -> None:
        self.event = event
        self.partition = partition
        self.size_bytes = size_bytes
        self.settled = False


class InOrderAcknowledgement(Generic[EventT]):
    """
    Tracks deliveries as they arrive and acknowledges the settled prefix of each partition, in each of its generations.

    A delivery stays in memory until it is acknowledged, settled or not, so settled deliveries accumulate behind a slow
    one. ``capacity`` bounds them.

    Args:
        max_pending: deliveries taken and not yet acknowledged.
        max_pending_bytes: bytes of their messages. A single delivery may be larger.
    """

    def __init__(self, *, max_pending: int = MAX_PENDING, max_pending_bytes: int = MAX_PENDING_BYTES) -> None:
        self._max_pending = max_pending
        self._max_pending_bytes = max_pending_bytes
        self._pending_bytes = 0
        self._free = asyncio.Event()
        self._free.set()
        self._partitions: dict[Hashable, deque[Delivery[EventT]]] = {}
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.acknowledged = 0
        """Deliveries acknowledged since the start: the watchdog's measure of progress."""

    @property
    def pending(self) -> int:
        """Deliveries taken and not yet acknowledged."""
        return self._pending

    async def capacity(self) -> None:
        """Return once another delivery may be taken."""
        await self._free.wait()

    def track(self, event: EventT, partition: Hashable, size_bytes: int = 0) -> Delivery[EventT]:
        """Take responsibility for an event of ``size_bytes``. Call in order of offset within a partition."""
        delivery = Delivery(event, partition, size_bytes)
        self._partitions.setdefault(partition, deque()).append(delivery)
        self._pending += 1
        self._pending_bytes += size_bytes
        self._idle.clear()
        if not self._has_capacity:
            self._free.clear()
        return delivery

    def settle(self, delivery: Delivery[EventT]) -> None:
        """
        Mark a delivery's outcomes as confirmed. Acknowledges it and its settled successors if none is before it.

        Raises:
            ValueError: if it was settled before: the caller has lost count, and the process stops rather than guess.
        """
        if delivery.settled:
            raise ValueError("a delivery is settled once")
        delivery.settled = True
        in_order = self._partitions[delivery.partition]
        while in_order and in_order[0].settled:
            first = in_order.popleft()
            first.event.ack()
            self.acknowledged += 1
            self._pending -= 1
            self._pending_bytes -= first.size_bytes
        if self._has_capacity:
            self._free.set()
        if not in_order:
            del self._partitions[delivery.partition]
        if not self._pending:
            self._idle.set()

    @property
    def _has_capacity(self) -> bool:
        return self._pending < self._max_pending and self._pending_bytes < self._max_pending_bytes

    async def drained(self) -> None:
        """Return once nothing is pending."""
        await self._idle.wait()

    def abandon(self) -> None:
        """Release ``drained`` after the pipeline failed: what is pending cannot settle, and is delivered again."""
        self._idle.set()
