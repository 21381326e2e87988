"""``petstream watch``: shows results as they come. The smallest use of the typed reader, and the example for yours."""

import sys
from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.text import Text

from streams.contracts import ImageClassified, ImageRejected
from streams.kafka.security import client_options
from streams.runtime.printable import printable
from streams.runtime.settings import KafkaSettings
from streams.subscriber import OUTCOMES, Subscriber
from streams.subscriber.received_event import ReceivedEvent, UnreadableEventError

WHY_CHARS: Final = 300
"""Of what is wrong with a message: it quotes the message, which may be long."""
_ON_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""In JSON a line break stands only between values."""


async def run(
    settings: KafkaSettings, console: Console, *, as_json: bool, from_beginning: bool, tell: Callable[[str], None]
) -> None:
    """Print every new result until interrupted; ``tell`` is given one line about each message that is none."""
    subscriber = Subscriber(
        client_options(settings),
        OUTCOMES,
        start="beginning" if from_beginning else "now",
        prefix=settings.kafka_topic_prefix,
        unknown="raise",
    )
    async with subscriber as events:
        while True:  # iterating again goes on behind a message that cannot be read
            try:
                async for received in events:
                    _show(received, console, as_json=as_json)
            except UnreadableEventError as error:
                tell(f"passed over, not a result: {str(error)[:WHY_CHARS]}")


def _show(received: ReceivedEvent, console: Console, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(received.body.translate(_ON_ONE_LINE).decode("utf-8", "replace") + "\n")
        sys.stdout.flush()
    else:
        console.print(line(received))


def line(received: ReceivedEvent) -> Text:
    """An outcome for a person."""
    match received.event:
        case ImageClassified() as done:
            said = f" {done.confidence:.3f} {printable(done.image_url)}"
            return Text.assemble((done.classification, "green"), said)
        case ImageRejected() as refused:
            return Text.assemble((refused.reason, "yellow"), f" {printable(refused.image_url or '(no object)')}")
        case other:
            return Text(type(other).__name__)
