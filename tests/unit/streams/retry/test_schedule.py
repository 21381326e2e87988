from datetime import UTC, datetime, timedelta

import pytest

from streams.contracts import RetryReason
from streams.contracts.topics import RETRY_TOPICS
from streams.retry.schedule import Schedule

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
SCHEDULE = Schedule.of((60, 600, 3600), max_hours=24)


def journey(reason: RetryReason) -> list[str]:
    """The topics that an upload passes if each attempt ends with this reason at once, until there are no more."""
    passed: list[str] = []
    now = NOW
    while (tier := SCHEDULE.next_tier(reason, attempts=len(passed) + 1, first_failed_at=NOW, now=now)) is not None:
        passed.append(tier.topic.removeprefix("image-uploads-retry-"))
        now += tier.delay
    return passed


@pytest.mark.parametrize(
    ("reason", "topics"),
    [("missing", ["1m"]), ("decoder_crashed", ["1m", "10m"]), ("forbidden", ["1m", "10m"])],
)
def test_what_a_few_attempts_settle_gets_a_few(reason: RetryReason, topics: list[str]) -> None:
    assert journey(reason) == topics


@pytest.mark.parametrize("reason", ["unavailable", "failed"])
def test_what_only_time_settles_is_tried_for_the_whole_window(reason: RetryReason) -> None:
    passed = journey(reason)
    assert passed[:3] == ["1m", "10m", "1h"]
    assert set(passed[3:]) == {"1h"}
    assert len(passed) == 2 + 23  # 11 minutes in the first two, and as many whole hours as fit in


def test_a_reason_that_changes_counts_all_attempts() -> None:
    late = NOW + timedelta(hours=5)
    assert SCHEDULE.next_tier("missing", attempts=8, first_failed_at=NOW, now=late) is None


def test_a_picture_is_tried_by_itself_before_it_is_blamed_for_its_decoder_whatever_happened_before() -> None:
    def next_topic(attempts: int, before: RetryReason, hours: float = 0) -> str | None:
        now = NOW + timedelta(hours=hours)
        tier = SCHEDULE.next_tier("decoder_crashed", attempts=attempts, first_failed_at=NOW, now=now, before=before)
        return tier.topic.removeprefix("image-uploads-retry-") if tier else None

    for reason in ("missing", "forbidden", "unavailable", "failed"):
        assert next_topic(2, reason) == "10m"
        assert next_topic(9, reason, hours=22) == "1h"
        assert next_topic(9, reason, hours=23.5) == "1h", "whatever that attempt ends with, it is the last"
    assert next_topic(2, "decoder_crashed") == "10m"
    assert next_topic(3, "decoder_crashed") is None
    assert next_topic(4, "decoder_crashed") is None


def test_each_retry_topic_is_a_tier() -> None:
    for topic in RETRY_TOPICS:
        tier = SCHEDULE.tier_of(topic)
        assert tier is not None
        assert tier.topic == topic
    assert SCHEDULE.tier_of("image-uploads") is None
