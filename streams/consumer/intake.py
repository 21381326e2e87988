"""
Takes deliveries, starts the work on each, and settles it when the work is done.

The agents use the acknowledgement rule only here: a delivery is settled after its work returned. If its work raises,
nothing at or after it is acknowledged, and the process ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from functools import partial
from typing import Any, Protocol

from streams.consumer.acknowledgement import Delivery, InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.runtime import metrics

Work = Callable[[Delivery[Any], str], Awaitable[None]]
"""Does all the work of a delivery of a topic (without prefix); returns once its outcomes are confirmed."""


class Spawns(Protocol):
    """Starts tasks and outlives them, as asyncio.TaskGroup does."""

    def create_task(self, work: Any, /) -> Any:
        """As asyncio.create_task."""


class Intake:
    """Bounds what is in flight: ``max_in_flight`` deliveries taken and not yet settled."""

    def __init__(
        self,
        acknowledgement: InOrderAcknowledgement[Any],
        *,
        topics: Iterable[str],
        topic_prefix: str,
        max_in_flight: int,
        on_change: Callable[[int], None] = lambda _in_flight: None,
    ) -> None:
        """``topics`` are without prefix. ``on_change`` is called with the number in flight whenever that changes."""
        self._acknowledgement = acknowledgement
        self._topic_prefix = topic_prefix
        self._slots = asyncio.Semaphore(max_in_flight)
        self._on_change = on_change
        self._unsettled: dict[Delivery[Any], tuple[str, float]] = {}
        for topic in topics:
            metrics.OLDEST_EVENT.labels(topic).set_function(partial(self._oldest, topic))

    async def run(self, stream: Any, batcher: Batcher[Any, Any], work: Work) -> None:
        """
        Take deliveries from a Faust stream for ever, and work on many at once.

        Args:
            stream: Faust's. Iterating it acknowledges nothing.
            batcher: the one that the work needs, served while deliveries are taken.
            work: see Work.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(batcher.serve())
            async for event in stream.noack().events():
                await self.take(event, (event.message.tp, event.message.generation_id), work, group)

    async def take(self, event: Any, partition: Hashable, work: Work, group: Spawns) -> None:
        """
        Take one event once there is capacity for it, and start its work in ``group``.

        Args:
            event: with ``ack``, ``value`` and ``message`` (``topic``, ``timestamp`` in seconds), as Faust gives them.
            partition: events of equal ones (a partition and its generation) are acknowledged in order.
            work: see Work.
            group: ended by a failure of the work.
        """
        await self._acknowledgement.capacity()
        await self._slots.acquire()
        message = event.message
        topic = message.topic.removeprefix(self._topic_prefix)
        delivery = self._acknowledgement.track(event, partition, len(event.value or b""))
        metrics.EVENTS_CONSUMED.labels(topic).inc()
        metrics.LAST_EVENT.labels(topic).set(message.timestamp)
        self._unsettled[delivery] = topic, message.timestamp
        metrics.IN_FLIGHT.inc()
        self._on_change(len(self._unsettled))
        group.create_task(self._settle_after(work(delivery, topic), delivery))

    async def _settle_after(self, work: Awaitable[None], delivery: Delivery[Any]) -> None:
        await work
        self._acknowledgement.settle(delivery)
        del self._unsettled[delivery]
        self._slots.release()
        metrics.IN_FLIGHT.dec()
        self._on_change(len(self._unsettled))

    def _oldest(self, topic: str) -> float:
        """The time of the oldest unsettled event, 0 without one. Called at each scrape, from the server's thread."""
        unsettled = list(self._unsettled.values())  # atomic: the event loop changes it meanwhile
        return min((timestamp for of, timestamp in unsettled if of == topic), default=0.0)
