"""``petstream watch``: shows results as they come. The smallest use of the typed reader, and the example for yours."""

import sys

from rich.console import Console

from streams.contracts import ImageClassified, ImageRejected
from streams.kafka_security import client_options
from streams.received import Received
from streams.settings import KafkaSettings
from streams.subscriber import OUTCOMES, Subscriber


async def run(settings: KafkaSettings, console: Console, *, as_json: bool, from_beginning: bool) -> None:
    """Print every new result until interrupted."""
    subscriber = Subscriber(
        client_options(settings),
        OUTCOMES,
        start="beginning" if from_beginning else "now",
        prefix=settings.kafka_topic_prefix,
    )
    async with subscriber as events:
        async for received in events:
            if as_json:
                sys.stdout.write(received.body.decode() + "\n")
                sys.stdout.flush()
            else:
                console.print(line(received))


def line(received: Received) -> str:
    """An outcome for a person, with rich's markup."""
    match received.event:
        case ImageClassified() as done:
            return f"[green]{done.classification}[/] {done.confidence:.3f} {_plain(done.image_url)}"
        case ImageRejected() as refused:
            return f"[yellow]{refused.reason}[/] {_plain(refused.image_url or '(no object)')}"
        case other:
            return type(other).__name__


def _plain(hostile: str) -> str:
    """Keys are other people's text: control characters would drive the terminal, brackets the markup."""
    return "".join(c if c.isprintable() else "�" for c in hostile).replace("[", r"\[")
