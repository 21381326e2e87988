"""The account of the topics finds each kind of difference, version by version."""

import pytest

from tests.chaos.history import Event, Version, compare

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
        ([*GOOD, Event("message 1", None, None, "malformed_event", 114.0)], ["strangers"]),
    ],
)
def test_each_difference_breaks_the_history(events: list[Event], kinds: list[str]) -> None:
    history = compare([OLD, NEW], events)
    assert not history.holds
    assert [kind for kind in KINDS if getattr(history, kind)] == kinds


def test_a_bucket_without_versions_need_not_answer_what_was_overwritten_before_it_was_read() -> None:
    older, newer = (Version("u", None, etag, "cat", at) for etag, at in (("e1", 1.0), ("e2", 2.0)))
    assert compare([older, newer], [Event("u", None, "e2", "cat", 3.0)]).holds
    assert compare([older, newer], [Event("u", None, "e1", "cat", 3.0), Event("u", None, "e2", "cat", 3.0)]).holds
    assert compare([older, newer], [Event("u", None, "e1", "cat", 3.0)]).unanswered == ["u: None"]
    assert compare([older], [Event("u", None, "e1", "dog", 3.0)]).mislabelled
    assert compare([older], [Event("u", None, "e3", "cat", 3.0)]).strangers


def test_what_was_deleted_at_once_may_have_been_read_before_and_may_be_missing_in_a_replay() -> None:
    deleted = Version("d", "v", "e", "cat", 1.0, also="missing")
    seen, missing = Event("d", "v", "e", "cat", 2.0), Event("d", "v", "e", "missing", 3.0)
    for events in ([seen], [missing], [seen, missing]):
        assert compare([deleted], events).holds
    assert compare([deleted], [Event("d", "v", "e", "forbidden", 2.0)]).blamed
    assert compare([deleted], []).unanswered


def test_what_retention_took_needs_no_result_and_may_have_one_that_names_no_version() -> None:
    found_again = Event("a", None, "e2", "cat", 120.0)
    assert compare([OLD, NEW], GOOD[:1], {NEW.identity}).holds
    assert compare([OLD, NEW], [GOOD[0], found_again], {NEW.identity}).holds
    assert compare([OLD, NEW], [*GOOD, found_again]).strangers
