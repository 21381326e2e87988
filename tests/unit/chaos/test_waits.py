"""How long healthy pictures waited because of others: what counts, what does not, and what a breach says."""

import pytest

from tests.chaos.history import Event, Version
from tests.chaos.waits import GRACE_SECONDS, Parked, Trouble, Wait, merged, seconds_outside, waits

PACE = 0.05


def version(key: str, at: float = 100.0, *, is_healthy: bool = True) -> Version:
    return Version(key, "v", "e", "cat", at, is_healthy=is_healthy)


def result(key: str, at: float) -> Event:
    return Event(key, "v", "e", "cat", at)


def blocked(
    at: float, *others: Event, troubles: list[Trouble] | None = None, parked: list[Parked] | None = None
) -> float:
    """Of a picture whose message came at 100, and whose result came at this time."""
    found = waits(
        [version("a"), *(version(event.key, is_healthy=False) for event in others)],
        [result("a", at), *others],
        {("a", "v"): 100.0},
        troubles or [],
        parked or [],
        pace_seconds=PACE,
    )
    assert found is not None
    return found.most_blocked.blocked_seconds


def test_a_wait_in_which_nothing_happens_counts_whole() -> None:
    assert blocked(130.0) == pytest.approx(30.0)


def test_results_of_others_that_come_meanwhile_are_the_queue_before_it() -> None:
    others = [result(f"b{number}", 100.0 + number / 10) for number in range(300)]
    assert blocked(130.0, *others) == 0
    assert blocked(130.0, *others[::10]) == pytest.approx(30.0 - 30 * 2 * PACE)


@pytest.mark.parametrize(
    ("trouble", "seconds"),
    [
        (Trouble("store answers 503", 90, 95 - GRACE_SECONDS, is_shared=True), 30.0),
        (Trouble("store answers 503", 90, 105 - GRACE_SECONDS, is_shared=True), 25.0),
        (Trouble("kafka stops", 110, 115, is_shared=True), 30.0 - 5 - GRACE_SECONDS),
        (Trouble("kill classify", 125, 127, is_shared=True), 25.0),
        (Trouble("a folder is deleted before it is read", 99, 130), 30.0),
        (Trouble("postgres stops", 99, 130), 30.0),
    ],
)
def test_only_what_is_broken_for_everybody_does_not_count_and_a_while_after_it(
    trouble: Trouble, seconds: float
) -> None:
    assert blocked(130.0, troubles=[trouble]) == pytest.approx(seconds)


def test_a_retry_delay_counts_unless_an_outage_was_why_it_was_parked() -> None:
    outage = Trouble("store forbids everything", 99, 101, is_shared=True)
    parked = [Parked(("a", "v"), 100.5, 20)]
    assert blocked(130.0, parked=parked) == pytest.approx(30.0)
    assert blocked(130.0, parked=parked, troubles=[outage]) == 0
    assert blocked(150.0, parked=parked, troubles=[outage]) == pytest.approx(150 - 100.5 - 20 - GRACE_SECONDS)


def test_what_is_deleted_refused_taken_or_without_result_is_not_measured() -> None:
    ill, taken, unanswered = version("ill", is_healthy=False), version("taken"), version("unanswered")
    arrivals = dict.fromkeys((each.identity for each in (ill, taken, unanswered)), 100.0)
    events = [result("ill", 200), result("taken", 200)]
    versions = [ill, taken, unanswered]
    assert waits(versions, events, arrivals, [], pace_seconds=PACE, taken={taken.identity}) is None


def test_a_wait_begins_with_the_message_and_ends_with_the_first_result() -> None:
    events = [result("a", 103.0), result("a", 150.0), result("b", 99.0)]
    versions = [version("a", 90.0), version("b", 90.0)]
    found = waits(versions, events, {("a", "v"): 101.0, ("b", "v"): 100.0}, [], pace_seconds=0)
    assert found is not None
    assert found.longest == Wait("a", 101.0, 2.0, 2.0)
    assert (found.healthy, found.measured, found.usual_seconds, found.too_long) == (2, 1, 1.0, [])


def test_a_breach_names_the_picture_its_wait_and_what_was_in_flight() -> None:
    versions = [version("a"), *(version(f"gone-{number}", 98.0, is_healthy=False) for number in range(5))]
    troubles = [
        Trouble("a folder is deleted before it is read", 58.0, 59.5),
        Trouble("hostile messages come", 104.0, 106.0),
        Trouble("kafka stops", 20.0, 30.0, is_shared=True),
    ]
    events = [result("a", 111.5), result("gone-0", 99.0)]
    found = waits(versions, events, {("a", "v"): 100.0}, troubles, pace_seconds=PACE)
    assert found is not None
    (told,) = found.too_long
    assert told.startswith("a waited 11.5 s for its result, 11.5 s of them because of other objects")
    assert "a folder is deleted before it is read (-42.0 to -40.5 s)" in told
    assert "hostile messages come (+4.0 to +6.0 s)" in told
    assert "4 undecided objects that are refused or deleted, 0 healthy ones" in told
    assert "kafka" not in told


@pytest.mark.parametrize(
    ("periods", "seconds"),
    [
        ([], 10.0),
        ([(2.0, 5.0)], 7.0),
        ([(-5.0, 1.0)], 9.0),
        ([(2.0, 5.0), (4.0, 6.0), (3.0, 3.5)], 6.0),
        ([(-1.0, 20.0)], 0.0),
        ([(11.0, 12.0), (-4.0, -2.0)], 10.0),
        ([(9.0, 12.0)], 9.0),
    ],
)
def test_time_outside_periods_is_what_none_of_them_covers(periods: list[tuple[float, float]], seconds: float) -> None:
    assert seconds_outside(0.0, 10.0, merged(periods)) == pytest.approx(seconds)
