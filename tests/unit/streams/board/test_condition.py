"""How the page gets what the board has found."""

from datetime import timedelta

from streams.board.condition import Condition
from streams.board.facts import Reach, WaitingWork
from streams.board.pictures import milliseconds
from streams.contracts import Model
from streams.contracts.topics import SINK_GROUP
from tests.board_events import NOON, after, status

OLD, NEW = (Model(name="cat-or-dog", version=version, rev=1, sha256=version * 32) for version in ("1", "2"))


def test_an_older_word_of_storage_does_not_overrule_a_newer_one() -> None:
    condition = Condition()
    condition.update_status(status("storage", "ok", seconds=60), NOON)
    condition.update_status(status("storage", "degraded"), NOON)
    assert condition.storage is not None
    assert condition.storage.state == "ok"


def test_where_the_lag_may_not_be_read_what_was_seen_and_not_stored_is_counted() -> None:
    condition = Condition(results=WaitingWork())
    assert condition.facts(unstored=3, parked=0).results.count is None
    condition.update_status(status("storage", "degraded"), NOON)
    assert condition.facts(unstored=3, parked=0).results.count == 3


def test_two_models_in_service_at_once_are_both_shown_with_their_processes() -> None:
    condition = Condition(kafka=Reach("there", NOON))
    for process, models in (("a", (NEW, OLD)), ("b", (OLD,)), ("c", (OLD,))):
        condition.update_status(status("classifier", process=process, models=models), NOON)
    condition.update_status(status("classifier", seconds=-60, process="dead", models=(NEW,)), NOON)
    shown = condition.view(NOON, unstored=0).models
    assert [(each.version, each.processes) for each in shown] == [("1", 3), ("2", 1)]


def test_what_waits_is_shown_with_its_ages() -> None:
    condition = Condition(uploads=WaitingWork(3, oldest=after(-4000), untaken=after(-2000)), parked_oldest=after(-9000))
    waiting = condition.view(NOON, unstored=0, parked={"missing": 2}, parked_more=5).waiting
    assert (waiting["uploads"].count, waiting["uploads"].oldest) == (3, milliseconds(after(-4000)))
    assert waiting["uploads"].untaken == milliseconds(after(-2000))
    assert (waiting["parked"].count, waiting["parked"].oldest) == (7, milliseconds(after(-9000)))
    assert condition.view(NOON, unstored=0).waiting["parked"].oldest is None


def test_the_members_of_a_group_are_counted_and_their_hosts_named_up_to_a_number() -> None:
    condition = Condition(members={SINK_GROUP: tuple(f"10.0.0.{n}" for n in range(30))})
    (group,) = condition.view(NOON, unstored=0).groups
    assert (group.name, group.members, len(group.hosts)) == (SINK_GROUP, 30, 10)


def test_the_time_of_the_latest_news_is_shown_in_steps() -> None:
    condition = Condition(news={"queue": NOON + timedelta(seconds=7)})
    assert condition.view(NOON, unstored=0).news == {"queue": milliseconds(after(5000))}
