"""
How eagerly a consumer fetches from Kafka. Faust has no setting for it and fetches whatever there is.

At a steady trickle that takes a request to the broker and a wake-up of the consumer for nearly every message: half of
the sink's cost of a row. A consumer that need not react at once lets Kafka gather messages for a moment instead.
"""

from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer


@dataclass(frozen=True, slots=True)
class FetchPace:
    """Kafka answers a fetch once it has ``min_bytes``, or after ``max_wait_ms`` with what there is."""

    min_bytes: int
    max_wait_ms: int


GATHERING: Final = FetchPace(min_bytes=64 * 1024, max_wait_ms=100)
"""About 60 events, or a tenth of a second: negligible beside storing them, and at most ten requests a second."""


def set_pace(consumer: AIOKafkaConsumer, pace: FetchPace) -> None:
    """Set a client's pace before its start; Faust passes its own values to the client's constructor."""
    consumer._fetch_min_bytes = pace.min_bytes  # noqa: SLF001 - passed to the fetcher at the start
    consumer._fetch_max_wait_ms = pace.max_wait_ms  # noqa: SLF001
