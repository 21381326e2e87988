"""The account of the topics finds each kind of difference, version by version, and how long pictures waited."""

import pytest

from tests.chaos.history import Event, Stall, Version, compare, seconds_outside, stalls

OLD = Version("a", "v1", "e1", "not_a_pet", 100.0)
NEW = Version("a", "v2", "e2", "cat", 110.0)
GOOD = [Event("a", "v1", "e1", "not_a_pet", 101.0), Event("a", "v2", "e2", "cat", 113.0)]
KINDS = ("unanswered", "blamed", "mislabelled", "contradicted", "strangers")


def test_every_version_with_its_own_result_holds_and_a_replay_of_it_too() -> None:
    assert compare([OLD, NEW], GOOD).holds
    assert compare([OLD, NEW], [*GOOD, GOOD[1]]).holds


@pytest.mark.parametrize(
    ("events", "kinds"),
    [
        (GOOD[1:], ["unanswered"]),
        ([GOOD[0], Event("a", "v2", "e2", "forbidden", 113.0)], ["blamed"]),
        ([Event("a", "v1", "e1", "undecodable", 101.0), GOOD[1]], ["blamed"]),
        ([GOOD[0], Event("a", "v2", "e2", "dog", 113.0)], ["mislabelled"]),
        ([GOOD[0], Event("a", "v2", "e1", "cat", 113.0)], ["mislabelled"]),
        ([*GOOD, Event("a", "v2", "e2", "missing", 114.0)], ["blamed", "contradicted"]),
        ([*GOOD, Event("a", "v3", "e3", "cat", 114.0)], ["strangers"]),
        ([*GOOD, Event("b", "v2", "e2", "cat", 114.0)], ["strangers"]),
        ([*GOOD, Event(None, None, None, "malformed_event", 114.0)], ["strangers"]),
    ],
)
def test_each_difference_breaks_the_history(events: list[Event], kinds: list[str]) -> None:
    history = compare([OLD, NEW], events)
    assert not history.holds
    assert [kind for kind in KINDS if getattr(history, kind)] == kinds


@pytest.mark.parametrize(
    ("faults", "seconds"),
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
def test_time_outside_faults_is_what_no_fault_covers(faults: list[tuple[float, float]], seconds: float) -> None:
    assert seconds_outside(0.0, 10.0, faults) == pytest.approx(seconds)


def test_a_stall_ends_with_the_first_result_and_is_told_with_and_without_the_faults() -> None:
    found = stalls([OLD, NEW], [*GOOD, Event("a", "v2", "e2", "cat", 200.0)], [(110.5, 113.0)])
    assert found is not None
    assert found.longest == Stall("a", 3.0)
    assert found.longest_outside_faults == Stall("a", 1.0)
    assert found.median_seconds == pytest.approx(2.0)
    assert stalls([OLD], [], []) is None
