"""The processes that reported themselves on pipeline-status: a bounded number, each with its newest status. Pure."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from streams.contracts import PipelineStatus
from streams.kafka.heartbeat import HEARTBEAT_SECONDS

SILENT_AFTER: Final = timedelta(seconds=2 * HEARTBEAT_SECONDS + 2)
"""Two heartbeats and a margin."""
PROCESSES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Heard:
    """
    The newest status of one process.

    ``at`` is the board's time: machines' clocks differ. Only a process of which the board has read a single message was
    heard no later than that message states.
    """

    status: PipelineStatus
    at: datetime

    def is_silent(self, now: datetime) -> bool:
        """Whether heartbeats are missing."""
        return now - self.at > SILENT_AFTER

    @property
    def is_stopped(self) -> bool:
        """Whether it said that it ends."""
        return self.status.state == "stopped"


@dataclass(slots=True)
class Processes:
    """All processes that were heard of; the one that has been silent longest is dropped first."""

    _heard: OrderedDict[tuple[str, str], Heard] = field(default_factory=OrderedDict)

    def take(self, status: PipelineStatus, now: datetime) -> None:
        """Take a status of a process, unless a newer one is known."""
        key = (status.component, status.process or "")
        known = self._heard.get(key)
        if known is not None and status.at <= known.status.at:
            return
        self._heard[key] = Heard(status, min(now, status.at) if known is None else now)
        self._heard.move_to_end(key)
        if len(self._heard) > PROCESSES_MAX:
            self._heard.popitem(last=False)

    def all(self) -> tuple[Heard, ...]:
        """The processes, the one heard last at the end."""
        return tuple(self._heard.values())
