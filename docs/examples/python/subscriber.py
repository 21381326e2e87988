"""
Prints each outcome of petstream once, and goes on where it stopped.

    KAFKA_BOOTSTRAP_SERVERS=localhost:9092 python subscriber.py GROUP [COUNT]
"""

import asyncio
import os
import signal
import sys

from streams.contracts import ImageClassified, ImageRejected
from streams.subscriber import Subscriber


def handle(event: ImageClassified | ImageRejected) -> None:
    """Yours to write. If it raises, the event is not acknowledged, and comes again after the next start."""
    if isinstance(event, ImageClassified):
        print(f"{event.classification} {event.confidence:.3f} {event.image_url}", flush=True)
    else:
        print(f"{event.reason} {event.image_url}", flush=True)


async def main(group: str, count: int | None) -> None:
    """Handle events until told to stop, or until ``count`` of them are handled."""
    subscriber = Subscriber(
        {"bootstrap_servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]},
        group=group,
        prefix=os.environ.get("KAFKA_TOPIC_PREFIX", ""),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, subscriber.stop)
    handled = 0
    async with subscriber as events:
        async for received in events:
            handle(received.event)
            handled += 1
            if handled == count:
                events.stop()  # not break: only then is this last event acknowledged


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
