"""
How eagerly a Faust app's consumer fetches from Kafka. Faust has no setting for it: it asks for whatever there is.

At a steady trickle that is a request of the broker and a wake-up of the consumer for nearly every message: half of what
the sink spent on a row. A consumer that need not answer at once lets Kafka gather for a moment instead.
"""

from dataclasses import dataclass
from typing import Any, Final

import faust

from streams.consumer.faust_consumer_thread import ConsumerThread


@dataclass(frozen=True, slots=True)
class FetchPace:
    """Kafka answers a fetch once it has ``min_bytes``, or after ``max_wait_ms`` with what there is."""

    min_bytes: int
    max_wait_ms: int


GATHERING: Final = FetchPace(min_bytes=64 * 1024, max_wait_ms=100)
"""About 60 events, or a tenth of a second: nothing beside what storing may take, and ten requests a second at most."""


def set_pace(app: faust.App, pace: FetchPace) -> None:
    """Have the app's consumer fetch so. Before the app starts."""

    class PacedThread(ConsumerThread):
        def _create_worker_consumer(self, transport: Any) -> Any:
            consumer = super()._create_worker_consumer(transport)
            # Handed to the fetcher when the consumer starts; Faust passes its own values to the constructor.
            consumer._fetch_min_bytes = pace.min_bytes  # noqa: SLF001
            consumer._fetch_max_wait_ms = pace.max_wait_ms  # noqa: SLF001
            return consumer

    own: Any = app.transport.Consumer

    class PacedConsumer(own):  # type: ignore[misc] # the app's own, known at run time only
        def _new_consumer_thread(self) -> PacedThread:
            return PacedThread(self, loop=self.loop, beacon=self.beacon)

    app.transport.Consumer = PacedConsumer  # type: ignore[misc] # of this app's transport alone
