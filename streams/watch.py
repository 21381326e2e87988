"""
``petstream watch``: the smallest subscriber, and the example for yours.

Delivery is at least once, so the same event may come twice; ``ce_id`` names it, and an event of the same object is
newer if its (sequencer, uploaded_at, model.rev) is greater. Unknown fields are ignored, so it survives our additions.
"""

import sys
from typing import Final

from aiokafka import AIOKafkaConsumer
from rich.console import Console

from streams.contracts import decode_classified, decode_rejected
from streams.kafka_security import client_options
from streams.settings import KafkaSettings
from streams.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS

REMEMBERED: Final = 100_000
"""How many events are remembered in order to drop repeats."""


async def run(settings: KafkaSettings, console: Console, *, as_json: bool, from_beginning: bool) -> None:
    """Print every new result until interrupted."""
    prefix = settings.kafka_topic_prefix
    consumer = AIOKafkaConsumer(
        prefix + IMAGE_CLASSIFICATIONS,
        prefix + IMAGE_REJECTIONS,
        **client_options(settings),
        auto_offset_reset="earliest" if from_beginning else "latest",
        enable_auto_commit=False,
        fetch_max_wait_ms=250,
    )
    seen: dict[bytes, None] = {}
    async with consumer:
        async for message in consumer:
            identity = dict(message.headers)["ce_id"]
            if identity in seen:
                continue
            seen[identity] = None
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]
            if as_json:
                sys.stdout.write(message.value.decode() + "\n")
                sys.stdout.flush()
            elif message.topic == prefix + IMAGE_CLASSIFICATIONS:
                done = decode_classified(message.value)
                console.print(f"[green]{done.classification}[/] {done.confidence:.3f}", _plain(done.image_url))
            else:
                refused = decode_rejected(message.value)
                console.print(f"[yellow]{refused.reason}[/]", _plain(refused.image_url or "(no object)"))


def _plain(hostile: str) -> str:
    """Keys are other people's text: control characters would drive the terminal, brackets the markup."""
    return "".join(c if c.isprintable() else "�" for c in hostile).replace("[", r"\[")
