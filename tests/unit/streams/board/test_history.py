"""The history: slots, gaps, bounds, and a clock that moves."""

import random
from datetime import datetime, timedelta

import pytest

from streams.board.facts import WaitingWork
from streams.board.history import DAY, HOUR, History, HistoryView, Kind, Result
from streams.board.state import Board
from tests.board_events import NOON, after, classified, rejected

NOW = NOON + timedelta(seconds=30)


def result(minutes: float = 0, kind: Kind = "cat", took_ms: float = 200, weight: float = 1.0) -> Result:
    return Result(NOW - timedelta(minutes=minutes), kind, timedelta(milliseconds=took_ms), weight)


def full(now: datetime = NOW) -> History:
    """There is news of the whole day."""
    history = History()
    history.fill([], now - DAY, now)
    return history


def hour(history: History, now: datetime = NOW) -> HistoryView:
    return history.view("hour", now)


def test_results_are_counted_in_the_minute_and_the_quarter_of_an_hour_in_which_they_came() -> None:
    history = full()
    for minutes, kind in ((0, "cat"), (0, "dog"), (1, "cat"), (1, "not_a_pet"), (20, "rejected")):
        history.observe(result(minutes, kind))  # type: ignore[arg-type] # a tuple's kinds are strings
    view = hour(history)
    assert (len(view.cat), view.step, view.first) == (61, 60, (NOON - HOUR).timestamp() * 1000)
    assert (view.cat[-2:], view.dog[-2:], view.not_a_pet[-2:]) == ([1, 1], [0, 1], [1, 0])
    assert (view.rejected[-21], sum(filter(None, view.rejected))) == (1, 1)
    day = history.view("day", NOW)
    assert (len(day.cat), day.step) == (97, 900)
    assert (day.cat[-3:], day.rejected[-3:]) == ([0, 1, 1], [1, 0, 0])


def test_a_time_without_news_is_a_gap_and_one_without_results_is_zero() -> None:
    history = History()
    history.look(NOW - timedelta(minutes=5), 3)
    history.observe(result(2))
    history.look(NOW, None)
    view = hour(history)
    assert view.cat[-7:] == [None, 0, None, None, 1, None, 0]
    assert view.waiting[-7:] == [None, 3, None, None, None, None, None]
    assert view.p50[-7:] == [None, None, None, None, view.p50[-3], None, None]
    assert view.p50[-3]


def test_of_a_backlog_the_most_that_waited_is_kept() -> None:
    history = History()
    for waiting in (2, 40, 7):
        history.look(NOW, waiting)
    assert hour(history).waiting[-1] == 40


def test_what_was_read_later_closes_the_gap_since_then() -> None:
    history = History()
    history.look(NOW, 0)
    history.fill([result(4), result(4, weight=24.5)], NOW - timedelta(minutes=5), NOW)
    assert hour(history).cat[-8:] == [None, None, 0, 26, 0, 0, 0, 0]


def test_it_does_not_grow_with_the_traffic() -> None:
    random.seed(1)
    history = History()
    now = NOW
    for number in range(20_000):
        now += timedelta(seconds=random.randrange(300))
        if number % 10 == 0:
            history.look(now, number)
        history.observe(Result(now, "dog", timedelta(milliseconds=random.randrange(5000))))
        assert all(len(series.slots) <= 2 * series.length for series in history._series.values())
    assert sum(filter(None, history.view("hour", now).dog)) > 10


def test_it_does_not_grow_while_kafka_is_silent_about_what_waits() -> None:
    history = History()
    for minutes in range(1_000, 0, -1):
        history.observe(result(minutes * 15))
    assert [len(series.slots) for series in history._series.values()] == [120, 192]


def test_a_sample_counts_as_many_in_percentiles_too() -> None:
    history = full()
    history.observe(result(took_ms=100))
    history.observe(result(took_ms=9_000, weight=50))
    assert hour(history).p50[-1] == pytest.approx(9_000, rel=0.05)


def test_a_clock_that_is_set_back_leaves_no_results_ahead_and_takes_new_ones() -> None:
    history = full()
    history.observe(result(0))
    earlier = NOW - timedelta(hours=3)
    history.look(earlier, 0)
    history.observe(Result(earlier, "dog", timedelta(0)))
    assert hour(history, earlier).dog[-1] == 1
    history.look(NOW, 0)
    assert hour(history).cat[-2:] == [None, 0]


def test_a_clock_that_jumps_ahead_leaves_a_gap() -> None:
    history = full()
    later = NOW + timedelta(days=30)
    history.look(later, 0)
    assert hour(history, later).cat == [None] * 60 + [0]
    assert sum(len(series.slots) for series in history._series.values()) == 2


def test_results_of_other_times_do_not_push_out_those_of_today() -> None:
    history = full()
    history.observe(result(59))
    for years in range(40):
        history.observe(result(years * 500_000 + 500_000))
        history.observe(result(-years))
    assert hour(history).cat[-60] == 1


def test_the_board_adds_what_it_reads_and_what_waits() -> None:
    board = Board(100)
    board.decided(classified(), after(260))
    board.decided(rejected("uploads/ann/1.jpg"), after(270))
    board.decided(rejected("uploads/ann/2.jpg", reason="not_a_pet"), after(280))
    board.queued_up(4)
    board.waiting(uploads=WaitingWork(3), bulk=WaitingWork(2), results=WaitingWork(1), parked_oldest=None)
    board.heard_from("kafka", after(400))
    view = hour(board.history)
    assert [each[-1] for each in (view.cat, view.not_a_pet, view.rejected, view.waiting)] == [1, 1, 1, 10]
    board.waiting(uploads=WaitingWork(), bulk=WaitingWork(2), results=WaitingWork(1), parked_oldest=None)
    board.heard_from("kafka", after(60_400))
    assert hour(board.history, after(60_400)).waiting[-2:] == [10, None]  # the lag became unknown
