from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.backlog import KNOWN_FOR_SECONDS, Backlog

P0, P1 = TopicPartition("uploads", 0), TopicPartition("uploads", 1)


class Signal:
    def connect(self, handler: Any) -> None:
        self.send = handler


class App:
    """As much of a Faust app as is looked at; a partition without a position has not found out where to read."""

    def __init__(self, **positions: int | None) -> None:
        self.on_partitions_revoked, self.on_partitions_assigned = Signal(), Signal()
        found = {TopicPartition("uploads", int(name[1:])): at for name, at in positions.items()}
        self.consumer = SimpleNamespace(reading_position=found.get)


class Clocked:
    def __init__(self, **positions: int | None) -> None:
        self.now, self.app = 0.0, App(**positions)
        self.backlog = Backlog(lambda: self.now)
        self.backlog.watch(self.app)


def test_what_was_not_read_waits() -> None:
    backlog = Clocked(p0=5, p1=7).backlog
    backlog.observe({P0: 9, P1: 7})
    assert backlog.waiting == 4


def test_the_marker_behind_a_transaction_that_was_read_is_no_work() -> None:
    backlog = Clocked(p0=10).backlog  # committed is 9, the marker is 9, the end is 10
    backlog.observe({P0: 10})
    assert backlog.waiting == 0


def test_a_partition_that_never_found_its_position_has_work_if_there_is_any() -> None:
    backlog = Clocked(p0=None).backlog
    backlog.observe({P0: 0})
    assert backlog.waiting == 0
    backlog.observe({P0: 3})
    assert backlog.waiting == 3


def test_the_progress_is_that_of_what_was_read_and_of_what_waits() -> None:
    acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
    clocked = Clocked(p0=0)
    progress = clocked.backlog.progress(acknowledgement)
    assert (progress.pending(), progress.done(), progress.waiting(), progress.is_member()) == (0, 0, 0, False)
    clocked.backlog.assigned()
    clocked.backlog.observe({P0: 3})
    assert (progress.waiting(), progress.is_member()) == (3, True)


def test_nothing_is_known_while_kafka_does_not_answer_and_after_a_while_without_a_look() -> None:
    clocked = Clocked(p0=0)
    clocked.backlog.observe({P0: 3})
    clocked.backlog.observe(None)
    assert clocked.backlog.waiting == 0
    clocked.backlog.observe({P0: 3})
    clocked.now += KNOWN_FOR_SECONDS
    assert clocked.backlog.waiting == 0


async def test_who_lost_its_partitions_is_no_member_until_there_is_word_of_new_ones() -> None:
    clocked = Clocked()
    backlog, app = clocked.backlog, clocked.app
    await app.on_partitions_assigned.send(app, {P0})
    seen = []
    for step in (
        lambda: backlog.observe({}),
        lambda: app.on_partitions_revoked.send(app, {P0}),
        lambda: backlog.observe(None),  # Kafka is away: nobody can say
        lambda: backlog.observe({}),
        lambda: app.on_partitions_assigned.send(app, set()),  # none for us is word enough
    ):
        if (sent := step()) is not None:
            await sent
        seen.append(backlog.is_member)
    assert seen == [True, False, True, False, True]


async def test_who_never_joined_is_no_member_whether_kafka_answers_or_not() -> None:
    clocked = Clocked()
    backlog, app = clocked.backlog, clocked.app
    seen = [backlog.is_member]
    backlog.observe({})
    seen.append(backlog.is_member)
    await app.on_partitions_assigned.send(app, set())
    seen.append(backlog.is_member)
    backlog.observe(None)
    assert [*seen, backlog.is_member] == [False, False, True, True]


def test_before_it_starts_to_join_nothing_is_expected_of_it() -> None:
    assert Backlog().is_member
