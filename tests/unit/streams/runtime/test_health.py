from streams.runtime.health import LOOP_SILENCE_SECONDS, NO_PROGRESS_SECONDS, Health
from streams.runtime.outages import Outages
from streams.runtime.progress import Progress


class Process:
    """A process whose clock, work and outages a test moves by hand."""

    def __init__(self) -> None:
        self.now, self.pending, self.done = 0.0, 0, 0
        self.waiting, self.is_member = 0, True
        self.outages = Outages()
        self.health = Health(self.outages, clock=lambda: self.now)
        self.health.watch(
            Progress(
                pending=lambda: self.pending,
                done=lambda: self.done,
                waiting=lambda: self.waiting,
                is_member=lambda: self.is_member,
            )
        )

    def passes(self, seconds: float, *, turning: bool = True) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            if turning:
                self.health.observe()


def test_an_idle_process_lives() -> None:
    process = Process()
    process.passes(10 * NO_PROGRESS_SECONDS)
    assert process.health.failures() == []


def test_a_loop_that_does_not_turn_fails_liveness() -> None:
    process = Process()
    process.passes(LOOP_SILENCE_SECONDS + 1, turning=False)
    assert "event loop" in process.health.failures()[0]


def test_a_late_beat_is_shown_and_a_stuck_loop_while_it_is_stuck() -> None:
    process = Process()
    process.passes(5)
    assert process.health.loop_lag_seconds() == 0
    process.passes(4, turning=False)
    assert process.health.loop_lag_seconds() == 3
    process.passes(1)
    assert process.health.loop_lag_seconds() == 4  # the beat that came at last was so late
    process.passes(1)
    assert process.health.loop_lag_seconds() == 0


def test_work_without_progress_fails_liveness() -> None:
    process = Process()
    process.pending = 3
    process.passes(NO_PROGRESS_SECONDS)
    assert process.health.failures() == []
    process.passes(2)
    assert "none finished" in process.health.failures()[0]


def test_work_that_waits_and_is_never_taken_fails_liveness() -> None:
    process = Process()
    process.waiting = 7
    process.passes(NO_PROGRESS_SECONDS)
    assert process.health.failures() == []
    process.passes(2)
    assert "7 waiting" in process.health.failures()[0]


def test_a_process_that_is_nowhere_for_long_fails_liveness_and_one_that_moves_does_not() -> None:
    process = Process()
    for _ in range(3):
        process.is_member = False
        process.passes(NO_PROGRESS_SECONDS - 1)
        process.is_member = True
        process.passes(1)
    assert process.health.failures() == []
    process.is_member = False
    process.passes(NO_PROGRESS_SECONDS + 2)
    assert "no partitions" in process.health.failures()[0]


def test_the_bounds_are_the_settings() -> None:
    now, pending = 0.0, 1
    health = Health(Outages(), no_progress_seconds=2, loop_silence_seconds=4, clock=lambda: now)
    health.watch(Progress(pending=lambda: pending))
    now = 3.0
    assert len(health.failures()) == 1
    now = 5.0
    assert len(health.failures()) == 2


def test_a_decoder_that_works_for_nobody_is_told_in_its_own_words() -> None:
    process = Process()
    process.outages.begin("inference", "the decoder refuses a good JPEG, too")
    process.pending = 3
    process.passes(10 * NO_PROGRESS_SECONDS)
    status, body = process.health.report()
    assert (status, body["status"]) == (200, "degraded")
    assert body["warnings"][0].startswith("no picture can be decoded since")
    assert body["warnings"][0].endswith("the decoder refuses a good JPEG, too")


def test_work_with_progress_lives() -> None:
    process = Process()
    process.pending = 3
    for _ in range(10):
        process.done += 1
        process.passes(NO_PROGRESS_SECONDS / 2)
    assert process.health.failures() == []


def test_waiting_for_a_declared_outage_is_degraded_and_restarts_nothing() -> None:
    process = Process()
    process.pending = 3
    process.outages.begin("database", "refused")
    process.passes(10 * NO_PROGRESS_SECONDS)
    status, body = process.health.report()
    assert (status, body["status"]) == (200, "degraded")
    assert "database is away since" in body["warnings"][0]


def test_a_further_stream_of_work_fails_liveness_by_itself_and_says_which_it_is() -> None:
    process = Process()
    retried, bulk = [0], [5]
    process.health.watch(Progress(waiting=lambda: 1, done=lambda: retried[0], of="retries"))
    process.health.watch(Progress(waiting=lambda: bulk[0], of="bulk"))
    process.pending = 3
    for _ in range(int(NO_PROGRESS_SECONDS) + 2):  # all that comes and the retries go on
        process.done += 1
        retried[0] += 1
        process.passes(1)
    (failure,) = process.health.failures()
    assert failure.startswith("bulk: 0 deliveries in flight and 5 waiting, and none finished")
    bulk[0] = 0
    process.passes(1)
    assert process.health.failures() == []


def test_a_further_stream_of_work_is_excused_by_an_outage_and_given_its_time_from_when_it_is_watched() -> None:
    process = Process()
    process.passes(2 * NO_PROGRESS_SECONDS)
    process.health.watch(Progress(waiting=lambda: 1))
    process.passes(NO_PROGRESS_SECONDS)
    assert process.health.failures() == []
    process.outages.begin("object_store", OSError("away"))
    process.passes(2 * NO_PROGRESS_SECONDS)
    assert process.health.failures() == []
