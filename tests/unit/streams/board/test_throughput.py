"""Results a second, and how long they take."""

from datetime import timedelta

from streams.board.throughput import Throughput
from tests.board_events import NOON, after


def observe(throughput: Throughput, at_ms: float, took_ms: float = 200, work: int | None = 100) -> None:
    at = after(at_ms)
    throughput.observe(at, uploaded_at=at - timedelta(milliseconds=took_ms), decided_at=at, work=work)


def test_results_are_counted_by_the_second_in_which_kafka_got_them() -> None:
    throughput = Throughput()
    for at_ms in (0, 10, 999, 1000, 3500):
        observe(throughput, at_ms)
    assert throughput.view(after(4200)).rate == 0.5
    assert throughput.view(after(11200)).rate == 0.2


def test_an_old_backlog_that_is_read_now_is_no_rush() -> None:
    throughput = Throughput()
    for number in range(1000):
        observe(throughput, -3_600_000 + number)
    assert throughput.view(NOON).rate == 0


def test_latencies_are_of_the_last_minute() -> None:
    throughput = Throughput()
    for number in range(100):
        observe(throughput, -200_000 + number, took_ms=9000)
    for number in range(100):
        observe(throughput, -1000, took_ms=number + 1)
    view = throughput.view(NOON)
    assert (view.p50, view.p95, view.work) == (50, 95, 100)


def test_in_a_quiet_hour_the_last_results_say_how_long_it_takes() -> None:
    throughput = Throughput()
    observe(throughput, -1_200_000, took_ms=300)
    assert throughput.view(NOON).p50 == 300
    assert Throughput().view(NOON).p50 is None


def test_what_was_uploaded_days_ago_says_nothing_about_latency() -> None:
    throughput = Throughput()
    observe(throughput, -100, took_ms=86_400_000)
    assert throughput.view(NOON).p50 is None
    assert throughput.view(after(2000)).rate == 0.1


def test_seconds_long_gone_are_forgotten() -> None:
    throughput = Throughput()
    for second in range(5000):
        observe(throughput, second * 1000)
    assert len(throughput._counts) <= 60 + 1
    assert len(throughput._latencies) <= 1000
