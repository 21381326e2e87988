"""The sentence at the top: never "All is well" while work waits, or while a component does not work."""

from dataclasses import replace
from datetime import timedelta

import pytest

from streams.board.absence import Absence
from streams.board.components import components
from streams.board.facts import Facts, Reach, WaitingWork
from streams.board.headline import Headline, age_of, headline
from tests.board_events import after, status
from tests.unit.streams.board.test_components import AWAY, NOW, WELL, alive, heard


def said(facts: Facts) -> Headline:
    return headline(facts, components(facts, NOW), NOW)


def test_all_is_well_when_nothing_waits_and_everything_works() -> None:
    assert (said(WELL).kind, said(WELL).title) == ("ok", "All is well")


@pytest.mark.parametrize("place", ["in_queue", "uploads", "bulk", "parked", "results"])
def test_it_is_not_said_while_one_message_waits_anywhere(place: str) -> None:
    facts = replace(WELL, **{place: WaitingWork(1)})  # type: ignore[arg-type]
    assert said(facts).title != "All is well"


@pytest.mark.parametrize("place", ["uploads", "bulk", "results"])
def test_it_is_not_said_while_it_is_unknown_what_waits(place: str) -> None:
    assert said(replace(WELL, **{place: WaitingWork()})).title == "The lag is unknown"  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["bridge", "classifier", "sink"])
def test_it_is_not_said_without_a_report_of_each_process(role: str) -> None:
    facts = replace(WELL, heard=alive(but=[role]))
    found = said(facts) if role == "bridge" else said(replace(facts, members={}))
    assert (found.kind, found.title, found.note) == ("", "Nothing is waiting", f"No report yet: {role}.")


def test_a_bridge_is_not_missed_where_no_queue_is_known() -> None:
    assert said(replace(WELL, heard=alive(but=["bridge"]), queue=Reach("none"))).title == "All is well"


def test_who_does_not_work_is_named_with_what_waits_and_for_how_long() -> None:
    facts = replace(
        WELL,
        heard=alive(but=["bridge", "classifier"]) + heard(status("bridge"), status("classifier")),
        in_queue=WaitingWork(40),
        uploads=WaitingWork(2, oldest=NOW - timedelta(minutes=3)),
        results=WaitingWork(1, oldest=NOW - timedelta(seconds=17)),
    )
    found = said(facts)
    assert (found.kind, found.title, found.chapter) == (
        "bad",
        "No bridge and no classifier is working",
        "petstreamdown",
    )
    assert found.note == (
        "42 uploads wait, the oldest for 3 min. 1 result waits to be stored, the oldest for 15 s. "
        "Nothing is lost: the work goes on once everything works."
    )
    idle = said(replace(WELL, heard=alive(but=["sink"]) + heard(status("sink"))))
    assert (idle.kind, idle.note) == (
        "warn",
        "Nothing waits yet. Nothing is lost: the work goes on once everything works.",
    )


def test_the_age_in_the_queue_is_only_a_bound() -> None:
    facts = replace(WELL, in_queue=WaitingWork(2, untaken=after(-40_000)))
    assert "2 uploads wait, the oldest for at least 1 min." in said(facts).note


def test_dependencies_that_do_not_answer_are_named() -> None:
    both = said(replace(WELL, store=AWAY, queue=AWAY))
    assert (both.kind, both.title) == ("bad", "The object store and the queue do not answer")
    database = said(replace(WELL, database=AWAY, results=WaitingWork(3)))
    assert (database.kind, database.title) == ("warn", "The database does not answer")
    assert database.note == "Pictures are classified; their rows follow later. 3 results wait to be stored."
    worse = said(replace(WELL, database=AWAY, heard=alive(but=["sink"]) + heard(status("sink"))))
    assert (worse.title, worse.note[:30]) == ("No sink is working", "The database does not answer. ")


def test_kafka_goes_before_everything() -> None:
    assert said(replace(WELL, kafka=AWAY, store=AWAY)).title == "Kafka does not answer"
    assert said(replace(WELL, kafka=Reach())).title == "Loading …"


def test_trouble_is_told_in_the_words_of_the_component() -> None:
    found = said(replace(WELL, uploads=WaitingWork(3, oldest=after(0), untaken=after(0))))
    assert (found.kind, found.title) == ("warn", "The classifier has trouble")
    assert found.note == "1 running, but takes nothing of what waits. 3 uploads wait, the oldest for 20 s."


def test_work_in_progress_is_well_unless_it_waits_for_long() -> None:
    assert said(replace(WELL, uploads=WaitingWork(3))).title == "Processing"
    starting = heard(status("sink", "degraded", seconds=18, since=10))
    beside = said(replace(WELL, uploads=WaitingWork(3), heard=alive(but=["sink"]) + starting))
    assert (beside.title, beside.note) == ("Processing", "3 uploads wait. Not ready: sink.")
    late = said(replace(WELL, uploads=WaitingWork(3, oldest=NOW - timedelta(seconds=61))))
    assert (late.kind, late.title, late.note) == ("warn", "Work is waiting", "3 uploads wait, the oldest for 1 min.")
    bulk = said(replace(WELL, bulk=WaitingWork(20_000, oldest=NOW - timedelta(hours=3))))
    assert (bulk.kind, bulk.title, bulk.note) == ("ok", "Processing", "20,000 uploads wait, the oldest for 3 h.")


def test_parked_uploads_are_told_with_the_age_of_the_oldest() -> None:
    found = said(replace(WELL, parked=WaitingWork(2, oldest=NOW - timedelta(hours=50))))
    assert (found.title, found.note[:37]) == (
        "2 uploads wait for another attempt",
        "The oldest has waited for 2 days. All",
    )


def test_a_lone_notification_that_nobody_reads_may_be_a_test_event() -> None:
    facts = replace(
        WELL,
        heard=alive(but=["bridge"]),
        absent={"bridge": Absence(after(0), is_since_before=True)},
        in_queue=WaitingWork(1, untaken=after(0)),
    )
    assert said(facts).title == "The queue is not read"


def test_a_queue_whose_length_is_unknown_is_not_empty() -> None:
    assert said(replace(WELL, queue=Reach(), in_queue=WaitingWork())).title == "The queue's length is unknown"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (17, "15 s"), (59, "55 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (200_000, "2 days")],
)
def test_an_age_has_one_unit_and_is_rounded_down(seconds: float, text: str) -> None:
    assert age_of(timedelta(seconds=seconds)) == text
