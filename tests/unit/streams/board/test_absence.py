"""Who is away, and whether anybody misses it."""

from datetime import timedelta

from streams.board.absence import QUEUE_STANDS_AFTER
from streams.board.condition import AbsenceView, Condition
from streams.board.pictures import milliseconds
from tests.board_events import NOON
from tests.unit.streams.board.test_condition import status

LATER = NOON + timedelta(minutes=5)


def test_a_group_that_lost_its_members_is_reported_with_since_when() -> None:
    condition = Condition(waiting_uploads=40)
    condition.absences.look("classifier", NOON, is_there=True)
    for minute in (1, 2):
        condition.absences.look("classifier", NOON + timedelta(minutes=minute), is_there=False)
    since = milliseconds(NOON + timedelta(minutes=1))
    assert condition.view(LATER, unstored=0).away == [AbsenceView("classifier", since)]


def test_a_group_that_was_empty_from_the_first_is_reported() -> None:
    condition = Condition()
    condition.absences.look("classifier", NOON, is_there=False)
    (away,) = condition.view(LATER, unstored=0, parked={"missing": 1}).away
    assert (away.since, away.before) == (milliseconds(NOON), True)


def test_nobody_is_missed_while_nothing_waits_or_nothing_is_known() -> None:
    condition = Condition(waiting_uploads=0, waiting_results=None)
    for part in ("classifier", "sink"):
        condition.absences.look(part, NOON, is_there=False)
    assert condition.view(LATER, unstored=0).away == []
    condition.waiting_uploads = 1
    condition.absences.look("classifier", NOON, is_there=None)
    assert condition.view(LATER, unstored=0).away == []


def test_who_comes_back_is_not_away() -> None:
    condition = Condition(waiting_uploads=1)
    condition.absences.look("classifier", NOON, is_there=False)
    condition.absences.look("classifier", LATER, is_there=True)
    assert condition.view(LATER, unstored=0).away == []


def test_a_queue_that_nothing_receives_from_is_reported_after_a_while_in_the_order_of_the_pipeline() -> None:
    condition = Condition(waiting_queue=40, waiting_uploads=2)
    condition.absences.look("classifier", NOON, is_there=False)
    condition.absences.look("bridge", NOON, is_there=False)
    condition.absences.look("bridge", NOON + QUEUE_STANDS_AFTER / 2, is_there=False)
    assert [each.part for each in condition.view(LATER, unstored=0).away] == ["classifier"]
    condition.absences.look("bridge", NOON + QUEUE_STANDS_AFTER, is_there=False)
    assert [each.part for each in condition.view(LATER, unstored=0).away] == ["bridge", "classifier"]


def test_one_look_at_a_message_that_has_just_come_reports_no_bridge() -> None:
    """While nobody views the page, the next look is 30 s later."""
    condition = Condition(waiting_queue=2)
    condition.absences.look("bridge", NOON, is_there=False)
    assert condition.view(LATER, unstored=0).away == []
    condition.absences.look("bridge", LATER, is_there=True)
    assert condition.view(LATER, unstored=0).away == []


def test_a_lone_test_event_of_the_store_is_no_upload_that_waits_for_a_bridge() -> None:
    condition = Condition(waiting_queue=1)
    condition.absences.look("bridge", NOON, is_there=False)
    condition.absences.look("bridge", LATER, is_there=False)
    view = condition.view(LATER, unstored=0)
    assert (view.away, view.queue_stands) == ([], True)
    condition.waiting_queue = 2
    assert [each.part for each in condition.view(LATER, unstored=0).away] == ["bridge"]


def test_a_sink_that_has_left_its_group_is_silent_at_once_while_results_wait() -> None:
    condition = Condition(waiting_results=5)
    condition.update_status(status("ok"))
    at = NOON + timedelta(seconds=5)
    condition.absences.look("sink", at, is_there=False)
    view = condition.view(at, unstored=0)
    assert (view.storing, view.since) == ("silent", milliseconds(at))
