"""
Does this worker's share of the topic move? What waits for it, and whether it belongs to its group: for health.

Counted from where the consumer reads, not from what is committed: what has been read and is not finished is counted by
whoever finishes it, and the marker behind a transaction is read before it is committed (faust_consumer.py).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import TopicPartition

from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.runtime.progress import Progress

KNOWN_FOR_SECONDS: Final = 60.0
"""Older knowledge is none. Longer than two looks and the time that Kafka may take to answer one (lag.py)."""


Position = Callable[[TopicPartition], float | None]
"""The next offset that a consumer reads of a partition, infinity if it need read none; None if it has not found out."""


class Backlog:
    """Told of the partitions' ends from time to time; remembers what they say of this worker."""

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
        """Messages of the assigned partitions that were not read yet; 0 while that is not known."""
        return self._unread if self._is_known else 0

    @property
    def is_member(self) -> bool:
        """
        False until it has joined for the first time, and from the moment that partitions are taken away until there are
        new ones; the word that none are for us counts as well.

        While Kafka does not answer one who has joined, nobody can say, and it is True. One who has not joined holds
        nothing: a start that Kafka left hanging is better begun again, and waits for Kafka in a way that is declared.
        """
        return not self._is_joining and (self._has_partitions or not self._is_known)

    @property
    def warnings(self) -> list[str]:
        """What Kafka deleted before this worker read it, as sentences."""
        return self._losses()

    def progress(self, acknowledgement: InOrderAcknowledgement[Any]) -> Progress:
        """For health: whether the work moves. ``acknowledgement`` is of the messages that were read."""
        return Progress(
            pending=lambda: acknowledgement.pending,
            done=lambda: acknowledgement.acknowledged,
            waiting=lambda: self.waiting,
            is_member=lambda: self.is_member,
        )

    def joining(self, position: Position) -> None:
        """Expect that the consumer whose positions these are joins its group."""
        self._position = position
        self._is_joining = True

    def gave_up(self) -> None:
        """It could not join, and whoever starts it tries again and tells of that."""
        self._is_joining = False

    def revoked(self) -> None:
        """Its partitions were taken away; others may come."""
        self._has_partitions = False

    def assigned(self) -> None:
        """It has been told which partitions are its own, if any."""
        self._is_joining = False
        self._has_partitions = True

    def watch(self, app: Any) -> None:
        """Follow the assignments of a Faust app that is about to be started."""
        # Faust makes its consumer when it is first asked for it: not yet.
        self.joining(lambda partition: app.consumer.reading_position(partition))  # noqa: PLW0108
        self._losses = lambda: list(app.losses.warnings)

        async def revoked(*_: object, **__: object) -> None:
            self.revoked()

        async def assigned(*_: object, **__: object) -> None:
            self.assigned()

        app.on_partitions_revoked.connect(revoked)
        app.on_partitions_assigned.connect(assigned)

    def observe(self, ends: Mapping[TopicPartition, int] | None) -> None:
        """Take note of the ends of the assigned partitions; None: Kafka did not answer, so nothing is known."""
        if ends is None:
            self._looked = float("-inf")
            return
        self._looked = self._clock()
        # One that has not even found out where to read has read nothing.
        self._unread = int(sum(max(0, end - (self._position(partition) or 0)) for partition, end in ends.items()))

    @property
    def _is_known(self) -> bool:
        return self._clock() - self._looked < KNOWN_FOR_SECONDS
