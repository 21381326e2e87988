"""Wires ``petstream sink``: pool, store, publisher, agent. It starts even if the database is down, and waits for it."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from persistence.pool import Pool, open_pool
from persistence.store import Store
from streams.app.service import service
from streams.consumer import faust_app
from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.backlog import Backlog
from streams.consumer.batches import Batcher
from streams.consumer.fetch_pace import GATHERING
from streams.consumer.intake import Intake
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, SINK_GROUP
from streams.kafka.heartbeat import beating
from streams.kafka.publisher import Publisher
from streams.runtime import metrics
from streams.runtime.database_config import database_config
from streams.runtime.settings import SinkSettings
from streams.sink import status
from streams.sink.agent import SinkAgent
from streams.sink.batch_upsert import BatchUpsert, RowResult
from streams.sink.rows import Record

LINGER_SECONDS: Final = 0.02
"""Without it, a backlog is written in batches of eight: a small statement takes 2 ms, Faust delivers 4 events a ms."""


async def run(settings: SinkSettings) -> None:
    """Store results until a signal arrives."""
    acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
    backlog = Backlog()
    async with (
        service(settings, "sink", losses=lambda: backlog.warnings) as process,
        beating(settings, "sink", process.health, process.outages),
        await open_pool(database_config(settings)) as pool,
        Publisher(settings, process.outages) as publisher,
    ):
        process.health.watch(backlog.progress(acknowledgement))
        _observe(pool)
        batcher: Batcher[Record, RowResult] = Batcher(
            BatchUpsert(Store(pool), process.outages),
            max_size=settings.sink_batch_max_rows,
            max_wait_seconds=0,
            linger_seconds=LINGER_SECONDS,
            traced_as="upsert.batch",
        )
        intake = Intake(
            acknowledgement,
            topics=[IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS],
            topic_prefix=settings.kafka_topic_prefix,
            max_in_flight=settings.sink_max_in_flight,
        )
        agent = SinkAgent(batcher, publisher, intake, process.outages)
        reporting = asyncio.create_task(
            status.report(publisher, process.outages, interval_seconds=settings.status_interval_seconds)
        )
        reporting.add_done_callback(lambda _: process.stop.set())  # it never ends: an end is a bug, raised below
        with tempfile.TemporaryDirectory(prefix="petstream-") as scratch:
            app = faust_app.build(SINK_GROUP, settings, Path(scratch), GATHERING)
            backlog.watch(app)
            faust_app.agent(app, settings, [IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS], agent.run)
            try:
                await faust_app.run(
                    app,
                    acknowledgement,
                    process.stop,
                    shutdown_seconds=settings.shutdown_seconds,
                    on_joined=process.health.become_ready,
                    observe=faust_app.lag(app, settings, backlog.observe).watch,
                )
            finally:
                reporting.cancel()
                with suppress(asyncio.CancelledError):
                    await reporting


def _observe(pool: Pool) -> None:
    """Report the pool's connections at each scrape."""
    metrics.POOL.labels("in_use").set_function(lambda: pool.get_size() - pool.get_idle_size())
    metrics.POOL.labels("idle").set_function(pool.get_idle_size)
    metrics.POOL_MAX.set_function(pool.get_max_size)
