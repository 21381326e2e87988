"""Counts and logs skipped notifications, for the bridge and the classifier."""

from typing import Final

import structlog

from streams.notifications.upload import Skipped
from streams.runtime import metrics

SHOWN_CHARS: Final = 200
"""Characters of an event's name that are logged; the name may be anything."""

log = structlog.get_logger()


def count_skipped(skipped: Skipped) -> None:
    """Count one notification, or one record of it, that names no new object; warn where a person has to act."""
    metrics.EVENTS_SKIPPED.labels(skipped.kind).inc()
    write = log.debug if skipped.remedy is None else log.warning
    write("upload.skipped", event_name=skipped.event[:SHOWN_CHARS], kind=skipped.kind, remedy=skipped.remedy)
