"""Entries of a batch that SQS reports as failed, tried again after pauses."""

import asyncio

from tests.notifications import notification
from tests.unit.streams.bridge.test_bridge import Broker, Queue, bridge, until


async def test_what_the_queue_failed_to_delete_is_tried_again_alone() -> None:
    queue, broker, stop = Queue(*(notification(str(i)).decode() for i in range(10))), Broker(), asyncio.Event()
    queue.failures = 1
    broker.confirms.set()
    running = asyncio.create_task(bridge(queue, broker).run(stop))
    await until(lambda: sorted(queue.deleted) == sorted(str(i) for i in range(10)))  # each of them once
    stop.set()
    await asyncio.wait_for(running, 60)


async def test_what_the_queue_failed_to_keep_invisible_is_tried_again_in_time() -> None:
    queue, broker, stop = Queue(*(notification(str(i)).decode() for i in range(3))), Broker(), asyncio.Event()
    queue.failures = 1
    running = asyncio.create_task(bridge(queue, broker, visibility_seconds=0.3).run(stop))
    await until(lambda: len(queue.extended) >= 3)
    assert queue.extended[:3] == ["0", "1", "2"]  # the others before the first one's next turn
    broker.confirms.set()
    stop.set()
    await asyncio.wait_for(running, 60)
