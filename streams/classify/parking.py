"""Parks an upload on the retry topic of its next attempt, where it delays no new upload."""

from collections.abc import Callable
from datetime import datetime

import structlog

from streams.classify.retry_or_reject import Retry
from streams.classify.source import Source
from streams.contracts.topics import MAX_MESSAGE_BYTES
from streams.kafka.publisher import MESSAGE_TOO_LARGE, Publisher
from streams.notifications.upload import ImageUploaded, Malformed, partition_key
from streams.retry.attempt import Attempt
from streams.retry.schedule import Schedule
from streams.runtime import metrics, tracing

log = structlog.get_logger()


class Parking:
    """Parks uploads until their next attempt, by the schedule."""

    def __init__(self, publisher: Publisher, schedule: Schedule, now: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._schedule = schedule
        self._now = now

    async def park(self, upload: ImageUploaded | Malformed, source: Source, why: Retry) -> bool:
        """
        Return once the broker has confirmed the upload on a retry topic; False if this was its last attempt.

        A copy is dropped: its original still waits.
        """
        before = source.attempt
        if before is not None and before.is_copy:
            return True
        now = self._now()
        made = _attempt(source, why, now)
        tier = self._schedule.next_tier(
            why.reason,
            attempts=made.number,
            first_failed_at=made.first_failed_at,
            now=now,
            before=before.reason if before else None,
        )
        if tier is None or len(source.message) > MAX_MESSAGE_BYTES:  # it came compressed: no topic takes its full size
            return False
        try:
            await self._publisher.publish(
                tier.topic,
                key=partition_key([upload]),
                value=source.message,
                headers=[*made.headers(), *tracing.headers()],
            )
        except MESSAGE_TOO_LARGE:  # its headers exceed the topic's size limit
            return False
        metrics.PARKED.labels(tier.topic, why.reason).inc()
        log.info(
            "upload.parked",
            id=str(upload.id) if isinstance(upload, ImageUploaded) else None,
            reason=why.reason,
            detail=why.detail[:200],
            attempt=made.number,
            topic=tier.topic,
        )
        return True


def _attempt(source: Source, why: Retry, now: datetime) -> Attempt:
    """The attempt that just ended, for the headers of the parked message."""
    before = source.attempt
    return Attempt(
        number=before.number + 1 if before else 1,
        first_failed_at=before.first_failed_at if before else now,
        reason=why.reason,
        detail=why.detail,
        topic=before.topic if before else source.topic,
        partition=before.partition if before else source.partition,
        offset=before.offset if before else source.offset,
    )
