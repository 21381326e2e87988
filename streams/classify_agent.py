"""Binds steps 1 to 5 to a Faust agent: uploads in, confirmed outcomes out, then the acknowledgement."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog

from streams import cloudevents, contracts, metrics, traceparent, tracing
from streams.acknowledgement import Delivery
from streams.batches import Batcher
from streams.classify import Classify
from streams.contracts import ImageClassified
from streams.faust_app import message_headers
from streams.intake import Intake
from streams.outcomes import Outcome
from streams.publisher import Publisher
from streams.skipping import count_skipped
from streams.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS
from streams.traceparent import Trace
from streams.uploads import ImageUploaded, Malformed, Skipped, Upload, parse

log = structlog.get_logger()


class ClassifyAgent:
    """The agent's body."""

    def __init__(self, classify: Classify, batcher: Batcher[Any, Any], publisher: Publisher, intake: Intake) -> None:
        self._classify = classify
        self._batcher = batcher
        self._publisher = publisher
        self._intake = intake

    async def run(self, stream: Any) -> None:
        """Take deliveries as they come. Any failure but a picture's own ends it."""
        await self._intake.run(stream, self._batcher, self._deliver)

    async def _deliver(self, delivery: Delivery[Any], _topic: str) -> None:
        message = delivery.event.message
        body: bytes = delivery.event.value or b""
        received = datetime.fromtimestamp(message.timestamp, UTC)
        carried = traceparent.carried(message_headers(message))
        uploads = parse(body)
        if len(uploads) == 1:  # nearly always, and then a task of its own costs more than it brings
            await self._traced(uploads[0], body, received, carried)
        else:
            await asyncio.gather(*(self._traced(upload, body, received, carried) for upload in uploads))

    async def _traced(self, upload: Upload, body: bytes, received: datetime, carried: Trace | None) -> None:
        with tracing.within(carried, "classify", of=upload if isinstance(upload, ImageUploaded) else None):
            await self._finish(upload, body, received)

    async def _finish(self, upload: Upload, body: bytes, received: datetime) -> None:
        match upload:
            case Skipped():
                count_skipped(upload)
            case Malformed():
                await self._publish(self._classify.malformed(upload, received, body))
            case _:
                await self._publish(await self._classify(upload, body))

    async def _publish(self, outcome: Outcome) -> None:
        done = isinstance(outcome, ImageClassified)
        with tracing.span("publish"):
            await self._publisher.publish(
                IMAGE_CLASSIFICATIONS if done else IMAGE_REJECTIONS,
                key=f"{outcome.bucket}/{outcome.key}".encode() if outcome.bucket else None,
                value=contracts.encode(outcome),
                headers=cloudevents.headers(outcome, tracing.headers()),
            )
        if isinstance(outcome, ImageClassified):
            metrics.CLASSIFICATIONS.labels(outcome.classification).inc()
            log.debug("image.classified", id=str(outcome.id), label=outcome.classification)
        else:
            metrics.REJECTIONS.labels(outcome.reason).inc()
            log.debug("image.rejected", id=str(outcome.id), reason=outcome.reason, detail=outcome.detail[:200])
        age = datetime.now(UTC) - outcome.uploaded_at
        metrics.RESULT_LATENCY.observe(max(0.0, age.total_seconds()))  # clocks differ; a negative age is none
