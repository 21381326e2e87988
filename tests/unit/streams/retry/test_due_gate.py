"""When the head of a retry topic may be taken, and what is shown of it."""

from datetime import UTC, datetime, timedelta

from streams.consumer.gated_intake import Head
from streams.retry.attempt import Attempt
from streams.retry.due_gate import DueGate
from streams.runtime import metrics

SENT = datetime(2026, 11, 29, 12, tzinfo=UTC)
TOPIC = "image-uploads-retry-1m"


def due(now: datetime) -> DueGate:
    return DueGate({TOPIC: timedelta(minutes=1)}, lambda: now)


def test_a_message_waits_as_long_as_its_topic_says() -> None:
    head = Head(TOPIC, 0, SENT)
    assert due(SENT).seconds(head) == 60
    assert due(SENT + timedelta(seconds=45)).seconds(head) == 15
    assert due(SENT + timedelta(seconds=60)).seconds(head) <= 0


async def test_time_alone_makes_it_due() -> None:
    await due(SENT).wait(0)


def test_since_when_the_head_fails_is_shown_and_nothing_once_there_is_none() -> None:
    failed_at = SENT - timedelta(hours=3)
    attempt = Attempt(2, failed_at, "unavailable", "503", "image-uploads", 0, 7)
    gate, shown = due(SENT), metrics.OLDEST_PARKED.labels(TOPIC, "4")
    gate.heads(TOPIC, 4, Head(TOPIC, 4, SENT, tuple(attempt.headers())))
    assert shown._value.get() == failed_at.timestamp()
    gate.heads(TOPIC, 4, None)
    assert shown._value.get() == 0
    metrics.OLDEST_PARKED.remove(TOPIC, "4")
