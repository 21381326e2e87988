"""Flat or growing? The longest life of each role, its second quarter against its last. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Final

from tests.soak.sampling import Sample

MAY_GROW: Final[Mapping[str, tuple[float, float]]] = {
    "resident_mib": (16.0, 0.05),
    "children_mib": (16.0, 0.05),
    "children": (0.0, 0.0),
    "descriptors": (3.0, 0.0),
    "threads": (2.0, 0.0),
    "tasks": (4.0, 0.0),
    "kafka_connections": (1.0, 0.0),
    "database_connections": (1.0, 0.0),
    "other_connections": (3.0, 0.0),
}
"""
By figure, what may lie between the two quarters: so much, or this share of the former, whichever is more. Pools open
and close connections with the load, allocators keep pages: the bounds are some of each, far below a leak at each event.
"""


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure of a process over its life."""

    process: str
    figure: str
    second_quarter: float
    """Median."""
    last_quarter: float
    """Median."""
    slope_per_hour: float
    """Theil-Sen: the median of the slopes between any two samples after the first quarter."""
    may_grow: float

    @property
    def is_flat(self) -> bool:
        """Whether it grew by no more than it may."""
        return self.last_quarter - self.second_quarter <= self.may_grow


def trends(process: str, samples: Sequence[Sample]) -> list[Trend]:
    """The trend of each figure of a process; at least eight samples, in order of time."""
    return [trend(process, name, [(each.at_seconds, getattr(each, name)) for each in samples]) for name in MAY_GROW]


def trend(process: str, figure: str, points: Sequence[tuple[float, float]]) -> Trend:
    """The trend of a figure that was looked at eight times or more: (seconds into the run, value), in order of time."""
    begin, end = points[0][0], points[-1][0]
    quarter = (end - begin) / 4
    settled = [point for point in points if point[0] >= begin + quarter]
    before = median(value for at, value in settled if at < begin + 2 * quarter)
    after = median(value for at, value in settled if at >= end - quarter)
    absolute, share = MAY_GROW.get(figure, (1.0, 0.0))
    return Trend(process, figure, before, after, _slope(settled), max(absolute, share * before))


def _slope(points: Sequence[tuple[float, float]], most: int = 200) -> float:
    thinned = points[:: max(1, len(points) // most)]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(thinned, 2) if b[0] > a[0]]
    return round(3600 * median(slopes), 2) if slopes else 0.0


def longest(lives: Mapping[str, Sequence[Sample]]) -> Iterable[str]:
    """By role, the name of its process that lived longest; names are like ``sink 2``."""
    by_role: dict[str, str] = {}
    for name, samples in lives.items():
        role = name.partition(" ")[0]
        if role not in by_role or _span(samples) > _span(lives[by_role[role]]):
            by_role[role] = name
    return by_role.values()


def _span(samples: Sequence[Sample]) -> float:
    return samples[-1].at_seconds - samples[0].at_seconds if samples else 0.0
