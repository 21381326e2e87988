"""Wires ``petstream bridge``: queue, publisher, bridge."""

import asyncio
from typing import Any

import boto3
from botocore.config import Config

from streams.app.service import LEAVE_SECONDS, service
from streams.bridge.bridge import Bridge
from streams.bridge.sqs import SqsQueue
from streams.kafka.heartbeat import beating
from streams.kafka.publisher import Publisher
from streams.runtime.settings import BridgeSettings


def client_options(settings: BridgeSettings) -> dict[str, Any]:
    """
    Botocore's options for the queue. A wrong endpoint is reported within 5 s; a long poll may take its full time.

    With boto3's defaults, an endpoint that drops packets is reported after five minutes: the watchdog would end the
    bridge. Further retries are in streams.runtime.retries.
    """
    return {
        "connect_timeout": 2,
        "read_timeout": settings.sqs_wait_seconds + 10,
        "retries": {"total_max_attempts": 2, "mode": "standard"},
    }


async def run(settings: BridgeSettings) -> None:
    """Move messages from the queue to Kafka until a signal arrives."""
    async with (
        service(settings, "bridge", leave_seconds=LEAVE_SECONDS + settings.sqs_wait_seconds) as process,
        beating(settings, "bridge", process.health, process.outages),
        Publisher(settings, process.outages) as publisher,
    ):
        queue = SqsQueue(
            boto3.client(
                "sqs",
                region_name=settings.aws_region,
                endpoint_url=settings.sqs_endpoint,
                config=Config(**client_options(settings)),
            ),
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
