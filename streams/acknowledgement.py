"""
Step 2 of 7. The acknowledgement rule: a delivery is acknowledged only when all before it on its partition are. Pure.

Faust commits past holes (faust-streaming/faust#606): once offset 12 is acknowledged, an unacknowledged 11 may be
committed away with it. "Not acknowledged" therefore does not mean "delivered again". So a settled delivery waits here
until all earlier deliveries of its partition are settled too, and only then is acknowledged, in order.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Acknowledgeable(Protocol):
    """What the rule needs of a Faust event."""

    def ack(self) -> object:
        """Let the offset be committed."""


EventT = TypeVar("EventT", bound=Acknowledgeable)


class Delivery(Generic[EventT]):
    """One message on its way; settled once all outcomes of all its objects are confirmed by the broker."""

    __slots__ = ("event", "lane", "settled")

    def __init__(self, event: EventT, lane: Hashable) -> None:
        self.event = event
        self.lane = lane
        self.settled = False


class InOrderAcknowledgement(Generic[EventT]):
    """Tracks deliveries as they arrive and acknowledges the settled prefix of each lane (partition, generation)."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, deque[Delivery[EventT]]] = {}
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.acknowledged = 0
        """How many deliveries have been acknowledged, ever: the watchdog's measure of progress."""

    @property
    def pending(self) -> int:
        """Deliveries taken and not yet acknowledged."""
        return self._pending

    def track(self, event: EventT, lane: Hashable) -> Delivery[EventT]:
        """Take responsibility for an event. Call in order of offset within a lane."""
        delivery = Delivery(event, lane)
        self._lanes.setdefault(lane, deque()).append(delivery)
        self._pending += 1
        self._idle.clear()
        return delivery

    def settle(self, delivery: Delivery[EventT]) -> None:
        """
        Say that a delivery's outcomes are confirmed; acknowledges it, and its settled successors, if none is before it.

        Raises:
            ValueError: if it was settled before. Settling twice means that somebody lost count: stop rather than guess.
        """
        if delivery.settled:
            raise ValueError("a delivery is settled once")
        delivery.settled = True
        lane = self._lanes[delivery.lane]
        while lane and lane[0].settled:
            lane.popleft().event.ack()
            self.acknowledged += 1
            self._pending -= 1
        if not lane:
            del self._lanes[delivery.lane]
        if not self._pending:
            self._idle.set()

    async def drained(self) -> None:
        """Return once nothing is pending."""
        await self._idle.wait()

    def abandon(self) -> None:
        """Let nobody wait for what can no longer settle: the pipeline has failed, its deliveries come again."""
        self._idle.set()
