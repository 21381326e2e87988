"""Publishes outcomes on the result topics, and counts them once they are confirmed."""

from collections.abc import Callable
from datetime import datetime

import structlog

from streams import contracts
from streams.classify.outcomes import Outcome, cut
from streams.classify.source import Source
from streams.contracts import ImageClassified, cloudevents
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, IMAGE_UPLOADS_BULK
from streams.kafka.publisher import NOT_AN_OUTAGE, Publisher
from streams.notifications.event_times import age_seconds
from streams.runtime import metrics, tracing

log = structlog.get_logger()


class OutcomePublisher:
    """Publishes the outcomes of uploads."""

    def __init__(self, publisher: Publisher, now: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._now = now

    async def publish(self, outcome: Outcome, source: Source) -> None:
        """Return once the broker has confirmed the outcome. Waits while the broker is away."""
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
            value=contracts.encode(outcome),
            headers=cloudevents.headers(outcome, tracing.headers()),
        )
