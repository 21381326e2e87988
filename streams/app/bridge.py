"""Wires ``petstream bridge``: queue, publisher, bridge."""

import asyncio

import boto3

from streams.app.service import LEAVE_SECONDS, service
from streams.bridge.bridge import Bridge
from streams.bridge.sqs import SqsQueue
from streams.kafka.publisher import Publisher
from streams.runtime.settings import BridgeSettings


async def run(settings: BridgeSettings) -> None:
    """Move messages from the queue to Kafka until a signal arrives."""
    async with (
        service(settings, "bridge", leave_seconds=LEAVE_SECONDS + settings.sqs_wait_seconds) as process,
        Publisher(settings, process.outages) as publisher,
    ):
        queue = SqsQueue(
            boto3.client("sqs", region_name=settings.aws_region, endpoint_url=settings.sqs_endpoint),
            settings.sqs_queue_url,
            wait_seconds=settings.sqs_wait_seconds,
            visibility_seconds=settings.sqs_visibility_seconds,
        )
        bridge = Bridge(
            queue,
            publisher,
            process.outages,
            visibility_seconds=settings.sqs_visibility_seconds,
            max_in_flight=settings.sqs_max_in_flight,
        )
        process.health.watch(bridge.progress())
        process.health.become_ready()
        moving = asyncio.create_task(bridge.run(process.stop))
        stopping = asyncio.create_task(process.stop.wait())
        await asyncio.wait({moving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # Messages that are not settled in time are not deleted, so SQS delivers them again.
        _, late = await asyncio.wait({moving}, timeout=settings.sqs_wait_seconds + settings.shutdown_seconds)
        for task in (*late, stopping):
            task.cancel()
        if not late:
            moving.result()
