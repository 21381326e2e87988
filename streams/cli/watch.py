"""``petstream watch``: prints results as they arrive. A minimal example of a subscriber."""

import sys
from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.text import Text

from streams.contracts import ImageClassified, ImageRejected
from streams.kafka.security import client_options
from streams.runtime.error_text import error_text
from streams.runtime.printable import printable
from streams.runtime.settings import KafkaSettings
from streams.subscriber import OUTCOMES, Subscriber
from streams.subscriber.received_event import ReceivedEvent, UnreadableEventError

WHY_CHARS: Final = 300
"""Limit for the error text of an unreadable message, which quotes the message."""
_ON_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Safe for JSON: it has raw line breaks only between values."""


async def run(
    settings: KafkaSettings, console: Console, *, as_json: bool, from_beginning: bool, report: Callable[[str], None]
) -> None:
    """Print every new result until interrupted; ``report`` gets one line about each unreadable message."""
    subscriber = Subscriber(
        client_options(settings),
        OUTCOMES,
        start="beginning" if from_beginning else "now",
        prefix=settings.kafka_topic_prefix,
        unknown="raise",
    )
    async with subscriber as events:
        while True:  # a new iteration continues after the unreadable message
            try:
                async for received in events:
                    _show(received, console, as_json=as_json)
            except UnreadableEventError as error:
                report(f"passed over, not a result: {_why(error)[:WHY_CHARS]}")


def _why(error: UnreadableEventError) -> str:
    if error.__cause__ is None:
        return str(error)
    return f"{error.topic}, partition {error.partition}, offset {error.offset}: {error_text(error.__cause__)}"


def _show(received: ReceivedEvent, console: Console, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(received.body.translate(_ON_ONE_LINE).decode("utf-8", "replace") + "\n")
        sys.stdout.flush()
    else:
        console.print(line(received))


def line(received: ReceivedEvent) -> Text:
    """An outcome as a line of text."""
    match received.event:
        case ImageClassified() as done:
            rest = f" {done.confidence:.3f} {printable(done.image_url)}"
            return Text.assemble((done.classification, "green"), rest)
        case ImageRejected() as refused:
            return Text.assemble((refused.reason, "yellow"), f" {printable(refused.image_url or '(no object)')}")
        case other:
            return Text(type(other).__name__)
