"""Which role is restarted when: in turn, but each role is left alone for half of the run. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from deploy.local.pipeline import Role

LEFT_ALONE: Final[Mapping[Role, tuple[float, float]]] = {
    "bridge": (0.0, 0.5),
    "classify": (0.25, 0.75),
    "sink": (0.5, 1.0),
}
"""The part of the run in which a role is not restarted: long enough a life for a leak to show."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A graceful stop and a start, so many seconds into the run."""

    at_seconds: float
    role: Role


def restarts(seconds: float, every_seconds: float) -> Iterator[Restart]:
    """The restarts of a run, in order of time, one each ``every_seconds``, the first and the last moment excepted."""
    turn: list[Role] = list(LEFT_ALONE)
    at = every_seconds
    while at < seconds - every_seconds / 2:
        role = next(role for role in turn if not _left_alone(role, at / seconds))
        turn.remove(role)
        turn.append(role)
        yield Restart(at, role)
        at += every_seconds


def _left_alone(role: Role, part: float) -> bool:
    begin, end = LEFT_ALONE[role]
    return begin < part < end
