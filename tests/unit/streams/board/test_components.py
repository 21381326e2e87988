"""The state of each component, from heartbeats, consumer groups, queue and tries of the board itself."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from streams.board import components as module
from streams.board import headline
from streams.board.absence import Absence
from streams.board.components import ComponentView, Name, components
from streams.board.facts import Facts, Reach, WaitingWork
from streams.board.pictures import milliseconds
from streams.board.processes import Heard
from streams.contracts import PipelineStatus
from streams.contracts.topics import CLASSIFIER_GROUP, SINK_GROUP
from tests.board_events import NOON, after, status

NOW = after(20_000)
THERE = Reach("there", NOON - timedelta(hours=1))
AWAY = Reach("away", after(5000))
MEMBER = {CLASSIFIER_GROUP: ("10.0.0.1",), SINK_GROUP: ("10.0.0.2",)}


def heard(*statuses: PipelineStatus) -> tuple[Heard, ...]:
    return tuple(Heard(each, each.at) for each in statuses)


def alive(*, but: Sequence[str] = (), seconds: float = 18) -> tuple[Heard, ...]:
    roles: Any = [role for role in ("bridge", "classifier", "sink") if role not in but]
    return heard(*(status(role, seconds=seconds) for role in roles))


WELL = Facts(
    kafka=THERE,
    database=THERE,
    store=THERE,
    queue=THERE,
    in_queue=WaitingWork(0),
    uploads=WaitingWork(0),
    bulk=WaitingWork(0),
    parked=WaitingWork(0),
    results=WaitingWork(0),
    members=MEMBER,
    heard=alive(),
)


def state(name: Name, facts: Facts, now: datetime = NOW) -> ComponentView:
    (found,) = [each for each in components(facts, now) if each.name == name]
    return found


def test_everything_works() -> None:
    found = components(WELL, NOW)
    assert [each.name for each in found] == list(module.NAMES)
    assert {each.state for each in found} == {"works"}
    assert state("classifier", WELL).text == "1 running"
    assert state("classifier", WELL).since == milliseconds(NOON)


@pytest.mark.parametrize("role", ["bridge", "classifier", "sink"])
def test_a_process_that_says_nothing_more_is_away_since_its_last_heartbeat(role: Any) -> None:
    facts = replace(WELL, heard=(*alive(but=[role]), *heard(status(role, seconds=7))))
    assert state(role, facts, after(19_000)).state == "works"
    found = state(role, facts)
    assert (found.state, found.since, found.chapter) == ("away", milliseconds(after(7000)), "petstreamdown")


def test_a_silent_process_is_frozen_while_it_is_in_its_group_and_killed_once_it_is_not() -> None:
    facts = replace(WELL, heard=alive(but=["classifier"]) + heard(status("classifier", seconds=0)))
    assert "frozen, as it has not left" in state("classifier", facts).text
    assert "killed" in state("classifier", replace(facts, members={CLASSIFIER_GROUP: ()})).text
    assert "killed, frozen or cut off" in state("classifier", replace(facts, members={})).text


def test_a_process_that_was_stopped_says_so_at_once() -> None:
    facts = replace(WELL, heard=alive(but=["sink"]) + heard(status("sink", "stopped", seconds=19)))
    assert (state("sink", facts).state, state("sink", facts).text) == ("away", "was stopped")


def test_while_kafka_is_away_nobody_can_report_and_nobody_is_blamed() -> None:
    facts = replace(WELL, kafka=AWAY, heard=alive(seconds=0))
    assert (state("kafka", facts).state, state("kafka", facts).since) == ("away", milliseconds(after(5000)))
    assert {state(role, facts).state for role in ("bridge", "classifier", "sink")} == {"unknown"}
    back = replace(facts, kafka=Reach("there", after(10_000)))
    assert state("sink", back).state == "unknown"
    assert state("sink", back, after(23_000)).state == "away"


def test_a_process_that_waits_for_a_dependency_is_in_order_and_the_dependency_is_away() -> None:
    degraded = status("classifier", "degraded", seconds=19, warning="w", unavailable={"object_store": 12})
    facts = replace(WELL, heard=alive(but=["classifier"]) + heard(degraded))
    store = state("object_store", facts)
    assert (store.state, store.text, store.since) == (
        "away",
        "does not answer the classifier",
        milliseconds(after(12_000)),
    )
    assert (state("classifier", facts).state, state("classifier", facts).text) == (
        "waits",
        "1 running, waits for the object store",
    )


@pytest.mark.parametrize(("field", "name"), [("store", "object_store"), ("database", "database"), ("queue", "queue")])
def test_a_dependency_that_does_not_answer_the_board_is_away_though_nobody_else_asks(field: str, name: Name) -> None:
    found = state(name, replace(WELL, **{field: AWAY}))  # type: ignore[arg-type]
    assert (found.state, found.since) == ("away", milliseconds(after(5000)))
    assert found.chapter == module.DEPENDENCY_CHAPTERS[name]
    assert state(name, replace(WELL, **{field: Reach("none")})).state in {"none", "works"}  # type: ignore[arg-type]


def test_a_board_without_a_database_believes_the_sink() -> None:
    facts = replace(WELL, database=Reach("none"))
    assert (state("database", facts).state, state("database", facts).text) == ("works", "answers the sink")
    assert state("database", replace(facts, heard=alive(but=["sink"]))).state == "none"


def test_what_storage_said_last_counts_only_while_it_is_fresh_and_no_sink_says_otherwise() -> None:
    storage = status("storage", "degraded", seconds=0, since=-7, process=None)
    facts = replace(WELL, heard=alive(but=["sink"]), storage=storage)
    assert (state("database", facts).state, state("database", facts).since) == ("away", milliseconds(after(-7000)))
    assert state("database", facts, after(101_000)).state == "works"
    assert state("database", replace(WELL, storage=storage)).state == "works"


def test_a_process_with_a_fault_of_its_own_has_trouble_in_its_own_words() -> None:
    broken = status(
        "classifier", "degraded", seconds=19, warning="no picture can be decoded", unavailable={"inference": 1}
    )
    found = state("classifier", replace(WELL, heard=alive(but=["classifier"]) + heard(broken)))
    assert (found.state, found.text, found.chapter) == ("trouble", "no picture can be decoded", "petstreamcircuitopen")
    stuck = status("classifier", "degraded", seconds=59, since=0, warning="the event loop has not turned")
    found = state("classifier", replace(WELL, heard=alive(but=["classifier"]) + heard(stuck)), after(60_000))
    assert (found.state, found.chapter) == ("trouble", "petstreamnotlive")


def test_a_process_that_starts_has_no_trouble_yet() -> None:
    starting = status("classifier", "degraded", seconds=19, since=10, warning="It is starting.")
    facts = replace(WELL, heard=alive(but=["classifier"]) + heard(starting))
    assert (state("classifier", facts).state, state("classifier", facts).text) == ("waits", "It is starting.")
    late = replace(
        facts, heard=heard(status("classifier", "degraded", seconds=99, since=10, warning="It is starting."))
    )
    assert state("classifier", late, after(100_000)).state == "trouble"


def test_one_frozen_process_of_two_is_told_until_another_has_taken_its_place() -> None:
    two = heard(status("classifier", seconds=18), status("classifier", seconds=0, process="other"))
    facts = replace(WELL, heard=alive(but=["classifier"]) + two)
    both = {**MEMBER, CLASSIFIER_GROUP: ("10.0.0.1", "10.0.0.3")}
    found = state("classifier", replace(facts, members=both))
    assert (found.state, found.text) == ("trouble", "1 running, 1 reports nothing (killed or frozen)")
    assert state("classifier", facts).state == "works"
    assert state("classifier", replace(facts, members={})).state == "trouble"
    later = replace(facts, members={}, heard=heard(status("classifier", seconds=58), two[1].status))
    assert state("classifier", later, after(60_000)).state == "works"


@pytest.mark.parametrize(("role", "place"), [("bridge", "in_queue"), ("classifier", "uploads"), ("sink", "results")])
def test_a_process_that_takes_nothing_of_what_waits_has_trouble(role: Any, place: str) -> None:
    found = state(role, replace(WELL, **{place: WaitingWork(3, untaken=after(4000))}))  # type: ignore[arg-type]
    assert (found.state, found.since, found.chapter) == ("trouble", milliseconds(after(4000)), "petstreamstalled")
    assert state(role, replace(WELL, **{place: WaitingWork(3)})).state == "works"  # type: ignore[arg-type]


def test_a_role_of_which_nobody_was_ever_heard_is_away_only_if_work_waits_for_it() -> None:
    never = replace(WELL, heard=(), members={CLASSIFIER_GROUP: (), SINK_GROUP: ()})
    absent: Any = {role: Absence(NOON, is_since_before=True) for role in ("bridge", "classifier", "sink")}
    never = replace(never, absent=absent)
    assert {state(role, never).state for role in ("bridge", "classifier", "sink")} == {"none"}
    busy = replace(never, in_queue=WaitingWork(2), parked=WaitingWork(1), results=WaitingWork(1))
    assert {state(role, busy).state for role in ("bridge", "classifier", "sink")} == {"away"}
    assert state("bridge", replace(never, in_queue=WaitingWork(1))).state == "none"  # the store's test event


def test_members_that_never_report_are_unknown_and_not_away() -> None:
    facts = replace(WELL, heard=(), uploads=WaitingWork(3))
    found = state("classifier", facts)
    assert (found.state, found.text) == ("unknown", "1 in the consumer group, but none reports on pipeline-status")


def test_a_bridge_that_a_store_replaced_long_ago_is_not_missed() -> None:
    facts = replace(WELL, heard=alive(but=["bridge"]) + heard(status("bridge", seconds=-90_000)))
    assert state("bridge", facts).state == "away"
    assert state("bridge", replace(facts, queue=Reach("none"))).state == "none"


def test_each_chapter_is_in_the_runbook() -> None:
    anchors = {line.lower() for line in re.findall(r"^### (\w+)$", Path("docs/runbook.md").read_text(), re.MULTILINE)}
    chapters = {*module.DEPENDENCY_CHAPTERS.values(), module.DOWN, module.NOT_LIVE, module.STALLED, module.CIRCUIT}
    assert chapters | {headline.LAG_GROWING, headline.PARKED} <= anchors
