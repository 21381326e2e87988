"""
Step 2 of 7. Takes deliveries off a Faust stream, lets each be worked on, and acknowledges it when that is done.

The one place where both agents meet the acknowledgement rule: a delivery is settled after its work returned, and if its
work raises, nothing at or after it is acknowledged and the process ends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from streams import metrics
from streams.acknowledgement import Delivery, InOrderAcknowledgement
from streams.batches import Batcher


class Intake:
    """Bounds what is in flight: ``max_in_flight`` deliveries taken and not yet settled."""

    def __init__(self, acknowledgement: InOrderAcknowledgement[Any], *, topic_prefix: str, max_in_flight: int) -> None:
        self._acknowledgement = acknowledgement
        self._topic_prefix = topic_prefix
        self._slots = asyncio.Semaphore(max_in_flight)
        self._unsettled: dict[Delivery[Any], tuple[str, float]] = {}
        for topic in metrics.CONSUMED_TOPICS:
            metrics.OLDEST_EVENT.labels(topic).set_function(partial(self._oldest, topic))

    async def run(
        self, stream: Any, batcher: Batcher[Any, Any], work: Callable[[Delivery[Any], str], Awaitable[None]]
    ) -> None:
        """
        Take deliveries for ever, many at once on their way, with the batcher that their work needs.

        Args:
            stream: Faust's, not acknowledged by iterating it.
            batcher: served while deliveries are taken.
            work: does all that a delivery of a topic asks for; returns when its outcomes are confirmed.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(batcher.serve())
            async for event in stream.noack().events():
                await self._slots.acquire()
                message = event.message
                topic = message.topic.removeprefix(self._topic_prefix)
                delivery = self._acknowledgement.track(event, (message.tp, message.generation_id))
                metrics.EVENTS_CONSUMED.labels(topic).inc()
                metrics.LAST_EVENT.labels(topic).set(message.timestamp)
                self._unsettled[delivery] = topic, message.timestamp
                metrics.IN_FLIGHT.inc()
                group.create_task(self._settle_after(work(delivery, topic), delivery))

    async def _settle_after(self, work: Awaitable[None], delivery: Delivery[Any]) -> None:
        await work
        self._acknowledgement.settle(delivery)
        del self._unsettled[delivery]
        self._slots.release()
        metrics.IN_FLIGHT.dec()

    def _oldest(self, topic: str) -> float:
        """Asked at each scrape, from the thread that serves it."""
        unsettled = list(self._unsettled.values())  # in one step, while the loop goes on taking and settling
        return min((timestamp for of, timestamp in unsettled if of == topic), default=0.0)
