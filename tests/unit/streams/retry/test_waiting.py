"""What waits on a retry topic, as it is read, chosen and written."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from streams.cli.retries_table import Summary, described, json_document, table_row
from streams.contracts.identity import image_id
from streams.retry.attempt import Attempt
from streams.retry.waiting import Headers, Waiting, WaitingFilter, waiting_of
from tests.notifications import notification

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ATTEMPT = Attempt(1, NOW - MINUTE, "missing", "HTTP 404 NoSuchKey", "image-uploads", 2, 17)


@dataclass(frozen=True)
class Message:
    key: bytes | None = b"pets/uploads/ann/a/b.jpg"
    value: bytes | None = notification("uploads/ann/a/b.jpg")
    timestamp: int = int(NOW.timestamp() * 1000)
    partition: int = 1
    offset: int = 7
    headers: Headers = tuple(ATTEMPT.headers())


def found(message: Message | None = None) -> Waiting:
    return waiting_of(message or Message(), "image-uploads-retry-1m", MINUTE, NOW)


def test_a_parked_upload_is_read_with_its_place_its_object_and_when_it_is_due() -> None:
    waiting = found()
    assert waiting.place == "image-uploads-retry-1m:1:7"
    assert waiting.object == ("pets", "uploads/ann/a/b.jpg")
    assert waiting.id == image_id("pets", "uploads/ann/a/b.jpg")
    assert waiting.image_url == "s3://pets/uploads/ann/a/b.jpg"
    assert waiting.attempt == ATTEMPT
    assert waiting.due == NOW + MINUTE


def test_a_message_of_any_content_is_shown() -> None:
    hostile = found(
        Message(key=None, value=None, timestamp=-1, headers=(("\x1b[2J", None), ("petstream_retry_x", b"\xff")))
    )
    assert (hostile.id, hostile.image_url, hostile.object) == (None, None, None)
    assert hostile.due == NOW + MINUTE
    assert "\x1b" not in "".join(described(hostile))
    assert json.loads(json_document(hostile))["headers"] == [["\x1b[2J", None], ["petstream_retry_x", "\\xff"]]
    assert found(Message(key=b"\xff\xfe/\xff")).object == ("��", "�")


def test_a_message_from_the_future_is_due_no_later_than_one_of_now() -> None:
    later = int((NOW + timedelta(hours=5)).timestamp() * 1000)
    assert found(Message(timestamp=later)).due == NOW + MINUTE


def test_a_filter_takes_what_has_one_of_the_reasons_and_whose_key_begins_so() -> None:
    assert WaitingFilter().selects_everything
    assert WaitingFilter().takes(found())
    assert WaitingFilter(("missing", "failed"), "uploads/ann/").takes(found())
    assert not WaitingFilter(("forbidden",)).takes(found())
    assert not WaitingFilter(key="pets/").takes(found())
    assert not WaitingFilter(key="").takes(found(Message(key=None)))


def test_a_summary_counts_all_and_keeps_what_is_due_first() -> None:
    summary = Summary(limit=3)
    first = found()
    for minutes in (5, 1, 4, 2, 3, 9, 8, 7, 6):
        summary.add(replace(first, due=NOW + minutes * MINUTE))
    summary.add(
        replace(
            first, topic="image-uploads-retry-1h", attempt=replace(ATTEMPT, reason="unavailable"), due=NOW + 60 * MINUTE
        )
    )
    assert summary.number == 10
    assert [row["due"] for row in summary.rows] == [NOW + minutes * MINUTE for minutes in (1, 2, 3)]
    assert list(summary.total_rows()) == [
        ("image-uploads-retry-1m", "missing", "9", "2026-11-23T19:59:00Z", "2026-11-23T20:01:00Z"),
        ("image-uploads-retry-1h", "unavailable", "1", "2026-11-23T19:59:00Z", "2026-11-23T21:00:00Z"),
    ]


def test_a_row_is_for_people_and_a_page_has_headers_and_notification() -> None:
    waiting = found()
    summary = Summary(limit=1)
    summary.add(replace(waiting, attempt=replace(ATTEMPT, detail="x" * 200)))
    assert table_row(summary.rows[0]) == (
        *("image-uploads-retry-1m:1:7", "2026-11-23T20:01:00Z", "missing", "1", "2026-11-23T19:59:00Z"),
        *("s3://pets/uploads/ann/a/b.jpg", "x" * 79 + "…"),
    )
    page = list(described(waiting))
    assert "detail          HTTP 404 NoSuchKey" in page
    assert "origin          image-uploads:2:17" in page
    assert "  petstream_retry_reason: missing" in page
    assert any('"Records": [' in line for line in page)
