"""Which processes were heard of, and which are silent."""

from datetime import timedelta

from streams.board.processes import PROCESSES_MAX, SILENT_AFTER, Processes
from tests.board_events import NOON, after, status


def test_a_process_is_silent_when_two_heartbeats_are_missing() -> None:
    processes = Processes()
    for seconds in (0, 5):
        processes.take(status(seconds=seconds), after(seconds * 1000))
    (heard,) = processes.all()
    assert not heard.is_silent(after(5000) + SILENT_AFTER)
    assert heard.is_silent(after(5001) + SILENT_AFTER)
    assert timedelta(seconds=10) < SILENT_AFTER < timedelta(seconds=15)


def test_a_clock_that_is_wrong_makes_nobody_silent() -> None:
    processes = Processes()
    for seconds in (0, 5):
        processes.take(status(seconds=seconds - 3600), after(seconds * 1000))
    (heard,) = processes.all()
    assert heard.at == after(5000)


def test_a_message_of_long_ago_that_is_read_now_is_no_news() -> None:
    processes = Processes()
    processes.take(status(seconds=-3600), NOON)
    (heard,) = processes.all()
    assert heard.is_silent(NOON)


def test_what_is_read_again_is_no_news() -> None:
    processes = Processes()
    processes.take(status(seconds=0), NOON)
    processes.take(status(seconds=0), after(60_000))
    (heard,) = processes.all()
    assert heard.at == NOON


def test_processes_are_remembered_up_to_a_number() -> None:
    processes = Processes()
    for number in range(PROCESSES_MAX + 50):
        processes.take(status(process=str(number)), NOON)
    assert len(processes.all()) == PROCESSES_MAX
    assert processes.all()[-1].status.process == str(PROCESSES_MAX + 49)
