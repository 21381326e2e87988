"""
How eagerly a consumer fetches from Kafka. Faust has no setting for it: it asks for whatever there is.

At a steady trickle that is a request of the broker and a wake-up of the consumer for nearly every message: half of what
the sink spent on a row. A consumer that need not answer at once lets Kafka gather for a moment instead.
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
"""About 60 events, or a tenth of a second: nothing beside what storing may take, and ten requests a second at most."""


def set_pace(consumer: AIOKafkaConsumer, pace: FetchPace) -> None:
    """Have a client fetch so, before it starts; to its constructor Faust passes values of its own."""
    consumer._fetch_min_bytes = pace.min_bytes  # noqa: SLF001 - handed to the fetcher at the start
    consumer._fetch_max_wait_ms = pace.max_wait_ms  # noqa: SLF001
