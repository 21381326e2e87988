"""
Tracks, for health, the messages that wait for this worker, and whether it is a member of its group.

Messages are counted from the consumer's read position, not from the committed offset: those that were read and are not
finished are counted by the acknowledgement, and the marker after a transaction is read before it is committed
(faust_consumer.py).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import TopicPartition

from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.runtime.progress import Progress

KNOWN_FOR_SECONDS: Final = 60.0
"""Older observations are ignored. Longer than two looks and the time that Kafka may take to answer one (lag.py)."""


Position = Callable[[TopicPartition], float | None]
"""The next offset that a consumer reads of a partition; infinity if it need not read; None while it is unknown."""


class Backlog:
    """Derives this worker's backlog from the partitions' ends, and its membership from rebalances."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._position: Position = lambda _partition: None
        self._losses: Callable[[], list[str]] = list
        self._unread = 0
        self._looked = float("-inf")
        self._has_partitions = True
        self._is_joining = False

    @property
    def waiting(self) -> int:
        """Messages of the assigned partitions that were not read yet; 0 while the number is unknown."""
        return self._unread if self._is_known else 0

    @property
    def is_member(self) -> bool:
        """
        False until the worker has joined for the first time, and from a revocation of its partitions until the next
        assignment, which may be empty.

        While Kafka does not answer a worker that has joined, its membership is unknown, and this is True. A worker that
        has not joined holds nothing: if Kafka left its start hanging, a restart is better, and its wait for Kafka is
        declared as an outage.
        """
        return not self._is_joining and (self._has_partitions or not self._is_known)

    @property
    def warnings(self) -> list[str]:
        """Messages that Kafka deleted before this worker read them, as sentences."""
        return self._losses()

    def progress(self, acknowledgement: InOrderAcknowledgement[Any]) -> Progress:
        """For health: whether the work moves. ``acknowledgement`` tracks the messages that were read."""
        return Progress(
            pending=lambda: acknowledgement.pending,
            done=lambda: acknowledgement.acknowledged,
            waiting=lambda: self.waiting,
            is_member=lambda: self.is_member,
        )

    def joining(self, position: Position) -> None:
        """Note that the consumer with these read positions is about to join its group."""
        self._position = position
        self._is_joining = True

    def gave_up(self) -> None:
        """Note that the consumer could not join. Its caller tries again, and reports that."""
        self._is_joining = False

    def revoked(self) -> None:
        """Note that the partitions were revoked; others may be assigned."""
        self._has_partitions = False

    def assigned(self) -> None:
        """Note that partitions were assigned, or that there are none for this worker."""
        self._is_joining = False
        self._has_partitions = True

    def watch(self, app: Any) -> None:
        """Follow the assignments of a Faust app that is about to be started."""
        # Faust creates its consumer on first access, which would be too early here.
        self.joining(lambda partition: app.consumer.reading_position(partition))  # noqa: PLW0108
        self._losses = lambda: list(app.losses.warnings)

        async def revoked(*_: object, **__: object) -> None:
            self.revoked()

        async def assigned(*_: object, **__: object) -> None:
            self.assigned()

        app.on_partitions_revoked.connect(revoked)
        app.on_partitions_assigned.connect(assigned)

    def observe(self, ends: Mapping[TopicPartition, int] | None) -> None:
        """Record the ends of the assigned partitions; None: Kafka did not answer, so nothing is known."""
        if ends is None:
            self._looked = float("-inf")
            return
        self._looked = self._clock()
        # While the position is unknown, nothing was read.
        self._unread = int(sum(max(0, end - (self._position(partition) or 0)) for partition, end in ends.items()))

    @property
    def _is_known(self) -> bool:
        return self._clock() - self._looked < KNOWN_FOR_SECONDS
