"""Binds steps 1 to 5 to Kafka: uploads in, confirmed outcomes out, then the acknowledgement."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from streams.classify.circuit import Circuit
from streams.classify.classify import Classify
from streams.classify.failures import Retry
from streams.classify.outcomes import Outcome, cut
from streams.classify.parking import Parking
from streams.classify.source import Source, source_of
from streams.consumer.acknowledgement import Delivery
from streams.consumer.batches import Batcher
from streams.consumer.intake import Intake
from streams.consumer.skipping import count_skipped
from streams.contracts import ImageClassified, cloudevents, encode, traceparent
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, IMAGE_UPLOADS_BULK
from streams.kafka.publisher import NOT_AN_OUTAGE, Publisher
from streams.notifications.event_times import age_seconds
from streams.notifications.single_object import MAX_RECORDS, single_object_notification
from streams.notifications.upload import ImageUploaded, Malformed, Skipped, Upload, parse
from streams.retry.concurrency import ConcurrencyLimits
from streams.retry.schedule import Schedule
from streams.runtime import metrics, tracing

log = structlog.get_logger()


class ClassifyAgent:
    """
    The agent's body.

    The content of a message cannot end the process: an unexpected exception parks its upload. If every message fails
    this way, the circuit opens.
    """

    def __init__(
        self,
        classify: Classify,
        batcher: Batcher[Any, Any],
        publisher: Publisher,
        intake: Intake,
        *,
        schedule: Schedule,
        circuit: Circuit,
        limits: ConcurrencyLimits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._classify = classify
        self._batcher = batcher
        self._intake = intake
        self._schedule = schedule
        self._circuit = circuit
        self._limits = limits or ConcurrencyLimits()
        self._now = now
        self._publisher = publisher
        self._parking = Parking(publisher, schedule, now)

    async def run(self, stream: Any) -> None:
        """Take deliveries off Faust's stream as they come."""
        await self._intake.run(stream, self._batcher, self.deliver)

    async def deliver(self, delivery: Delivery[Any], topic: str) -> None:
        """Process one message of ``topic``. Returns once all its outcomes are confirmed."""
        source = source_of(
            delivery.event, topic, is_retry_topic=self._schedule.tier_of(topic) is not None, now=self._now()
        )
        carried = traceparent.carried(source.headers)
        uploads = parse(source.message)
        if len(uploads) == 1:  # the usual case: a task of its own would only add cost
            await self._traced(uploads[0], source, carried)
            return
        distinct = list(dict.fromkeys(uploads))
        work = self._park_unread if len(distinct) > MAX_RECORDS else self._traced
        for start in range(0, len(distinct), MAX_RECORDS):
            async with asyncio.TaskGroup() as group:
                for upload in distinct[start : start + MAX_RECORDS]:
                    upload_source = (
                        source
                        if isinstance(upload, Skipped)
                        else replace(source, message=single_object_notification(upload))
                    )
                    group.create_task(work(upload, upload_source, carried))

    async def _traced(self, upload: Upload, source: Source, carried: traceparent.Trace | None) -> None:
        with tracing.within(carried, "classify", of=upload if isinstance(upload, ImageUploaded) else None):
            if isinstance(upload, Skipped):
                count_skipped(upload)
                return
            async with self._limits.of(source.parked):
                if not source.is_ours():
                    return
                undecided = await self._finish(upload, source)
            if undecided is not None:
                await self._park_or_reject(upload, source, undecided)

    async def _park_unread(self, upload: Upload, source: Source, _carried: traceparent.Trace | None) -> None:
        """Park a record of a message that names very many objects: it must not delay the messages behind it."""
        if isinstance(upload, ImageUploaded) and source.attempt is None:
            await self._park_or_reject(upload, source, Retry("failed", "its message names very many objects"))
        else:
            await self._traced(upload, source, None)

    async def _finish(self, upload: ImageUploaded | Malformed, source: Source) -> Retry | None:
        """Decide the upload and publish its outcome, or return why it needs another attempt."""
        while True:
            try:
                async with self._circuit.call((source.topic, source.partition, source.offset)):
                    outcome = await self._decided(upload, source)
                    if isinstance(outcome, Retry):
                        return outcome
                    await self._publish(outcome, source)
                    return None
            except Exception as error:
                metrics.UNFORESEEN.inc()
                log.exception("upload.failed", topic=source.topic, partition=source.partition, offset=source.offset)
                if not self._circuit.is_open:
                    return Retry("failed", f"{type(error).__name__}: {error}")

    async def _decided(self, upload: ImageUploaded | Malformed, source: Source) -> Outcome | Retry:
        if isinstance(upload, Malformed):
            return self._classify.malformed(upload, source.received, source.message)
        return await self._classify(upload, source.message, source.parked)

    async def _park_or_reject(self, upload: ImageUploaded | Malformed, source: Source, why: Retry) -> None:
        """Park the upload; reject it if this was its last attempt."""
        if await self._parking.park(upload, source, why):
            return
        if isinstance(upload, ImageUploaded):
            outcome = self._classify.rejected(upload, why, source.message)
        else:
            outcome = self._classify.malformed(upload, source.received, source.message)
        await self._publish(outcome, source)

    async def _publish(self, outcome: Outcome, source: Source) -> None:
        """Return once the broker has confirmed the outcome, and count it. Waits while the broker is away."""
        with tracing.span("publish"):
            try:
                await self._send(outcome)
            except NOT_AN_OUTAGE:  # the topic's size limit is too low
                if isinstance(outcome, ImageClassified):
                    raise
                await self._send(cut(outcome))
        if isinstance(outcome, ImageClassified):
            metrics.CLASSIFICATIONS.labels(outcome.classification).inc()
            log.debug("image.classified", id=str(outcome.id), label=outcome.classification)
        else:
            metrics.REJECTIONS.labels(outcome.reason).inc()
            log.debug("image.rejected", id=str(outcome.id), reason=outcome.reason, detail=outcome.detail[:200])
        if source.origin != IMAGE_UPLOADS_BULK:  # the age of an old upload does not measure the pipeline
            metrics.RESULT_LATENCY.observe(age_seconds(outcome.uploaded_at, self._now()))

    async def _send(self, outcome: Outcome) -> None:
        await self._publisher.publish(
            IMAGE_CLASSIFICATIONS if isinstance(outcome, ImageClassified) else IMAGE_REJECTIONS,
            key=f"{outcome.bucket}/{outcome.key}".encode() if outcome.bucket else None,
            value=encode(outcome),
            headers=cloudevents.headers(outcome, tracing.headers()),
        )
