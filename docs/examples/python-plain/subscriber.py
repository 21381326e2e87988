"""
Prints each outcome of petstream once, and goes on where it stopped. Without petstream's package.

    KAFKA_BOOTSTRAP_SERVERS=localhost:9092 python subscriber.py GROUP [COUNT]
"""

import asyncio
import json
import os
import signal
import sys
from collections import OrderedDict

from aiokafka import AIOKafkaConsumer

REMEMBERED = 100_000
KNOWN = {"petstream.image.classified.v1", "petstream.image.rejected.v1"}


def handle(event: dict) -> None:
    """Yours to write. If it raises, nothing is committed, and the events since the last commit come again."""
    if "classification" in event:
        print(f"{event['classification']} {event['confidence']:.3f} {event['image_url']}", flush=True)
    else:
        print(f"{event['reason']} {event['image_url']}", flush=True)


async def main(group: str, left: int) -> None:
    """Handle events until told to stop, or until ``left`` of them are handled."""
    prefix = os.environ.get("KAFKA_TOPIC_PREFIX", "")
    consumer = AIOKafkaConsumer(
        prefix + "image-classifications",
        prefix + "image-rejections",
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=group,
        enable_auto_commit=False,  # it would commit what is not handled yet
        auto_offset_reset="earliest",
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    seen: OrderedDict[bytes, None] = OrderedDict()
    async with consumer:
        while left and not stop.is_set():
            # Never more than will be handled: the commit below is of all that was taken.
            taken = await consumer.getmany(timeout_ms=500, max_records=min(left, 100))
            for message in (message for messages in taken.values() for message in messages):
                headers = dict(message.headers)
                if headers["ce_type"].decode() not in KNOWN or headers["ce_id"] in seen:
                    continue
                handle(json.loads(message.value))
                left -= 1
                seen[headers["ce_id"]] = None
                if len(seen) > REMEMBERED:
                    seen.popitem(last=False)
            if taken:
                await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize))
