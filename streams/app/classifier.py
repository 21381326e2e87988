"""Wires ``petstream classify``: model, decoders, store, publisher, agent. Joins Kafka after the model is verified."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from inference import cpus
from inference.engines import allocator
from inference.prediction import Prediction
from streams.app.service import service
from streams.classify import model_watch
from streams.classify.agent import ClassifyAgent
from streams.classify.circuits import Circuits
from streams.classify.classify import Classify
from streams.classify.model_artifact import fingerprint
from streams.classify.opening import open_serving, open_shadow, open_store, report_silence, store_options
from streams.classify.owners import Owners
from streams.classify.serving import Inference, Rollout, Serving
from streams.classify.shadow import Pixels
from streams.consumer import faust_app
from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.backlog import Backlog
from streams.consumer.batches import Batcher
from streams.consumer.byte_budget import Budgets
from streams.consumer.gated_intake import GatedIntake
from streams.consumer.intake import Intake
from streams.consumer.live_first import BulkLimit, LiveFirst
from streams.contracts.topics import BULK_GROUP, CLASSIFIER_GROUP, IMAGE_UPLOADS, IMAGE_UPLOADS_BULK, RETRY_GROUP
from streams.contracts.user_names import KeyPattern
from streams.kafka.heartbeat import beating
from streams.kafka.publisher import Publisher
from streams.retry.concurrency import RETRIES_IN_FLIGHT_MAX
from streams.retry.due_gate import DueGate
from streams.retry.schedule import Schedule
from streams.runtime import metrics
from streams.runtime.settings import ClassifySettings


async def run(settings: ClassifySettings) -> None:
    """
    Classify uploads until a signal arrives.

    Raises:
        ModelUnusable: if the model file is missing, corrupt or not the pinned one.
    """
    allocator.use_one_arena()  # before the first thread
    acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
    backlog = Backlog()
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service(settings, "classifier", losses=lambda: backlog.warnings))
        process.health.watch(backlog.progress(acknowledgement))
        heartbeat = await parts.enter_async_context(beating(settings, "classifier", process.health, process.outages))
        store = open_store(settings)
        looking = asyncio.create_task(report_silence(settings))
        parts.callback(looking.cancel)
        scratch = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="petstream-")))
        serving = await open_serving(settings)
        lanes = serving.predictor.lanes
        executor = parts.enter_context(ThreadPoolExecutor(lanes, "inference"))
        rollout = Rollout(serving)
        parts.push_async_callback(rollout.close)
        heartbeat.models = lambda: rollout.models
        shadow = await open_shadow(settings, rollout.current.input, parts)
        process.health.facts["model"] = lambda: {
            "name": rollout.current.model.name,
            "version": rollout.current.model.version,
            "sha256": rollout.current.model.sha256,
        }
        metrics.show_model(rollout.current.model)
        metrics.DECODERS_REPLACED.set_function(lambda: rollout.current.decoder.replaced)
        publisher = await parts.enter_async_context(Publisher(settings, process.outages))
        if settings.model_poll_seconds and settings.model_sha256 is None:  # a pinned file must not be replaced
            watching = asyncio.create_task(
                model_watch.watch(
                    rollout,
                    lambda: asyncio.to_thread(fingerprint, settings.model_uri, lambda: store_options(settings)),
                    lambda: open_serving(settings),
                    poll_seconds=settings.model_poll_seconds,
                )
            )
            parts.callback(watching.cancel)
        batcher: Batcher[tuple[Serving, Pixels], Prediction] = Batcher(
            Inference(executor, shadow),
            max_size=settings.batch_max_size,
            max_wait_seconds=settings.batch_max_wait_ms / 1000,
            concurrency=lanes,
            on_batch=_observe_batch,
            traced_as="inference.batch",
        )
        budgets = Budgets.of(settings.in_flight_max_bytes)
        metrics.IN_FLIGHT_BYTES.set_function(lambda: budgets.used)
        circuits = Circuits(process.outages)
        schedule = Schedule.of(settings.retry_delays_seconds, settings.retry_max_hours)
        classify = Classify(
            store=store,
            rollout=rollout,
            batcher=batcher,
            budgets=budgets,
            owners=Owners(KeyPattern(settings.s3_key_pattern), settings.s3_default_user),
            max_bytes=settings.image_max_bytes,
            circuits=circuits,
        )
        bulk_limit = BulkLimit.of(settings.decode_workers or cpus.available(), settings.in_flight_max_images)
        live_first = LiveFirst(bulk_limit)
        intake = Intake(
            acknowledgement,
            topics=[IMAGE_UPLOADS],
            topic_prefix=settings.kafka_topic_prefix,
            max_in_flight=settings.in_flight_max_images,
            on_change=live_first.live,
        )
        agent = ClassifyAgent(classify, batcher, publisher, intake, schedule=schedule, circuit=circuits.classifier)
        app = faust_app.build(CLASSIFIER_GROUP, settings, scratch)
        beside = partial(GatedIntake, settings, work=agent.deliver, outages=process.outages, losses=app.losses)
        delays = {tier.topic: tier.delay for tier in schedule.tiers}
        retries = beside(RETRY_GROUP, delays, DueGate(delays), max_in_flight=RETRIES_IN_FLIGHT_MAX)
        bulk = beside(
            BULK_GROUP, [IMAGE_UPLOADS_BULK], live_first, max_in_flight=bulk_limit.alone, on_change=live_first.bulk
        )
        backlog.watch(app)
        faust_app.agent(app, settings, [IMAGE_UPLOADS], agent.run)
        async with asyncio.TaskGroup() as group:
            for each in (retries, bulk):
                process.health.watch(each.progress())
                group.create_task(each.run(process.stop))
            await faust_app.run(
                app,
                acknowledgement,
                process.stop,
                shutdown_seconds=settings.shutdown_seconds,
                on_joined=process.health.become_ready,
                observe=faust_app.lag(app, settings, backlog.observe).watch,
            )


def _observe_batch(size: int, waited_seconds: float) -> None:
    metrics.BATCH_SIZE.observe(size)
    metrics.BATCH_WAIT.observe(waited_seconds)
