"""Since when nobody is in a consumer group, or nothing is received from the queue."""

from datetime import timedelta

from streams.board.absence import QUEUE_STANDS_AFTER, Absence, Absences
from tests.board_events import NOON, after

LATER = NOON + timedelta(minutes=5)


def test_a_group_that_lost_its_members_is_absent_since_the_first_look_without_them() -> None:
    absences = Absences()
    absences.look("classifier", NOON, is_there=True)
    for minute in (1, 2):
        absences.look("classifier", NOON + timedelta(minutes=minute), is_there=False)
    assert absences.now() == {"classifier": Absence(after(60_000), is_since_before=False)}
    absences.look("classifier", LATER, is_there=True)
    assert absences.now() == {}


def test_a_group_that_was_empty_from_the_first_was_so_before() -> None:
    absences = Absences()
    absences.look("sink", NOON, is_there=False)
    assert absences.now() == {"sink": Absence(NOON, is_since_before=True)}
    absences.look("sink", NOON, is_there=None)
    assert absences.now() == {}


def test_a_queue_is_unread_after_a_while_and_not_at_one_look() -> None:
    """While nobody views the page, the next look is 30 s later."""
    absences = Absences()
    absences.look("bridge", NOON, is_there=False)
    absences.look("bridge", NOON + QUEUE_STANDS_AFTER / 2, is_there=False)
    assert absences.now() == {}
    absences.look("bridge", NOON + QUEUE_STANDS_AFTER, is_there=False)
    assert list(absences.now()) == ["bridge"]
