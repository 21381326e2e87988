"""Binds steps 1 to 5 to Kafka: uploads in, confirmed outcomes out, then the acknowledgement."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from streams import contracts
from streams.classify.circuit import Circuit
from streams.classify.classify import Classify
from streams.classify.failures import Retry
from streams.classify.outcomes import Outcome, cut
from streams.consumer.acknowledgement import Delivery
from streams.consumer.batches import Batcher
from streams.consumer.faust_app import message_headers
from streams.consumer.intake import Intake
from streams.consumer.skipping import count_skipped
from streams.contracts import ImageClassified, cloudevents, traceparent
from streams.contracts.message_time import message_time
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, IMAGE_UPLOADS_BULK, MAX_MESSAGE_BYTES
from streams.kafka.publisher import NOT_AN_OUTAGE, Publisher
from streams.notifications.event_times import age_seconds
from streams.notifications.single_object import MAX_RECORDS, single_object_notification
from streams.notifications.upload import ImageUploaded, Malformed, Skipped, Upload, parse, partition_key
from streams.retry import attempt as attempts
from streams.retry.attempt import Attempt
from streams.retry.concurrency import ConcurrencyLimits
from streams.retry.schedule import Schedule, Tier
from streams.runtime import metrics, tracing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an upload came from: its message, and the attempts before, if it comes from a retry topic or is a copy."""

    message: bytes
    received: datetime
    topic: str
    partition: int
    offset: int
    attempt: Attempt | None
    is_ours: Callable[[], bool]
    """Asked once its turn has come, which may take long: whether it is still this process's to try."""

    @property
    def origin(self) -> str:
        """The topic, without prefix, of the upload's first attempt."""
        return self.attempt.topic if self.attempt else self.topic

    @property
    def parked(self) -> Attempt | None:
        """
        The attempts before, if it may take the time that one of a retry topic may.

        A copy comes on the way of all others, and has no more time than they.
        """
        return None if self.attempt is None or self.attempt.is_copy else self.attempt


def _always() -> bool:
    return True


class ClassifyAgent:
    """
    The agent's body.

    Nothing that one message holds can end the process: an exception that nobody foresaw parks its upload. If it is
    every message that fails so, the circuit opens.
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
        self._publisher = publisher
        self._intake = intake
        self._schedule = schedule
        self._circuit = circuit
        self._limits = limits or ConcurrencyLimits()
        self._now = now

    async def run(self, stream: Any) -> None:
        """Take deliveries off Faust's stream as they come."""
        await self._intake.run(stream, self._batcher, self.deliver)

    async def deliver(self, delivery: Delivery[Any], topic: str) -> None:
        """Do all that a message of ``topic`` asks for; return when every outcome of it is confirmed."""
        message, body = delivery.event.message, delivery.event.value or b""
        headers, now = message_headers(message), self._now()
        is_parked = self._schedule.tier_of(topic) is not None
        attempt = attempts.read(headers, now=now) if is_parked or attempts.has_attempt(headers) else None
        source = _Source(
            message=body,
            received=message_time(message.timestamp * 1000, now),
            topic=topic,
            partition=message.partition,
            offset=message.offset,
            attempt=attempt if is_parked or (attempt is not None and attempt.is_copy) else None,
            is_ours=getattr(delivery.event, "is_ours", _always),  # Faust's have none, and wait for no turn
        )
        carried = traceparent.carried(headers)
        uploads = parse(body)
        if len(uploads) == 1:  # nearly always, and then a task of its own costs more than it brings
            await self._traced(uploads[0], source, carried)
            return
        different = list(dict.fromkeys(uploads))
        work = self._park_unread if len(different) > MAX_RECORDS else self._traced
        for start in range(0, len(different), MAX_RECORDS):
            async with asyncio.TaskGroup() as group:
                for upload in different[start : start + MAX_RECORDS]:
                    its = (
                        source
                        if isinstance(upload, Skipped)
                        else replace(source, message=single_object_notification(upload))
                    )
                    group.create_task(work(upload, its, carried))

    async def _traced(self, upload: Upload, source: _Source, carried: traceparent.Trace | None) -> None:
        with tracing.within(carried, "classify", of=upload if isinstance(upload, ImageUploaded) else None):
            if isinstance(upload, Skipped):
                count_skipped(upload)
                return
            async with self._limits.of(source.parked):
                if not source.is_ours():
                    return
                undecided = await self._finish(upload, source)
            if undecided is not None:
                await self._put_off(upload, source, undecided)

    async def _park_unread(self, upload: Upload, source: _Source, _carried: traceparent.Trace | None) -> None:
        """Park one of very many records of a message: they may wait, who comes behind them must not."""
        if isinstance(upload, ImageUploaded) and source.attempt is None:
            await self._put_off(upload, source, Retry("failed", "its message names very many objects"))
        else:
            await self._traced(upload, source, None)

    async def _finish(self, upload: ImageUploaded | Malformed, source: _Source) -> Retry | None:
        """Decide the upload and publish its outcome; else say why it needs another attempt."""
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

    async def _decided(self, upload: ImageUploaded | Malformed, source: _Source) -> Outcome | Retry:
        if isinstance(upload, Malformed):
            return self._classify.malformed(upload, source.received, source.message)
        return await self._classify(upload, source.message, source.parked)

    async def _put_off(self, upload: ImageUploaded | Malformed, source: _Source, why: Retry) -> None:
        """Park the upload on a retry topic; reject it if this was its last attempt."""
        now, before = self._now(), source.attempt
        if before is not None and before.is_copy:
            return  # its original still waits
        made = Attempt(
            number=before.number + 1 if before else 1,
            first_failed_at=before.first_failed_at if before else now,
            reason=why.reason,
            detail=why.detail,
            topic=before.topic if before else source.topic,
            partition=before.partition if before else source.partition,
            offset=before.offset if before else source.offset,
        )
        tier = self._schedule.next_tier(
            why.reason,
            attempts=made.number,
            first_failed_at=made.first_failed_at,
            now=now,
            before=before.reason if before else None,
        )
        if len(source.message) > MAX_MESSAGE_BYTES:  # it came compressed, and no topic takes it as it is
            tier = None
        if tier is None or not await self._park(upload, source, made, tier):
            await self._publish(
                self._classify.rejected(upload, why, source.message)
                if isinstance(upload, ImageUploaded)
                else self._classify.malformed(upload, source.received, source.message),
                source,
            )
            return
        metrics.PARKED.labels(tier.topic, why.reason).inc()
        log.info(
            "upload.parked",
            id=str(upload.id) if isinstance(upload, ImageUploaded) else None,
            reason=why.reason,
            detail=why.detail[:200],
            attempt=made.number,
            topic=tier.topic,
        )

    async def _park(self, upload: ImageUploaded | Malformed, source: _Source, made: Attempt, tier: Tier) -> bool:
        """Publish the upload onto a retry topic; False if that does not take it, for the few bytes of its headers."""
        try:
            await self._publisher.publish(
                tier.topic,
                key=partition_key([upload]),
                value=source.message,
                headers=[*made.headers(), *tracing.headers()],
            )
        except NOT_AN_OUTAGE:
            return False
        return True

    async def _send(self, outcome: Outcome) -> None:
        await self._publisher.publish(
            IMAGE_CLASSIFICATIONS if isinstance(outcome, ImageClassified) else IMAGE_REJECTIONS,
            key=f"{outcome.bucket}/{outcome.key}".encode() if outcome.bucket else None,
            value=contracts.encode(outcome),
            headers=cloudevents.headers(outcome, tracing.headers()),
        )

    async def _publish(self, outcome: Outcome, source: _Source) -> None:
        with tracing.span("publish"):
            try:
                await self._send(outcome)
            except NOT_AN_OUTAGE:  # the topic takes less than it should
                if isinstance(outcome, ImageClassified):
                    raise
                await self._send(cut(outcome))
        if isinstance(outcome, ImageClassified):
            metrics.CLASSIFICATIONS.labels(outcome.classification).inc()
            log.debug("image.classified", id=str(outcome.id), label=outcome.classification)
        else:
            metrics.REJECTIONS.labels(outcome.reason).inc()
            log.debug("image.rejected", id=str(outcome.id), reason=outcome.reason, detail=outcome.detail[:200])
        if source.origin != IMAGE_UPLOADS_BULK:  # the age of what was uploaded long ago says nothing of the pipeline
            metrics.RESULT_LATENCY.observe(age_seconds(outcome.uploaded_at, self._now()))
