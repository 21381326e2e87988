"""
How long healthy pictures waited because of other objects. Pure.

A healthy picture is one that is neither deleted nor refused nor hostile itself. It waits from the time of its first
message on image-uploads to the time of its first result. Of that wait do not count:

- the time in which nobody could be classified: an outage of store or Kafka, a kill, a restart, a freeze or a rebalance
  of classifiers, and ``GRACE_SECONDS`` after each, in which clients connect again, probes are made and partitions are
  assigned;
- if it was parked in such a time: the delay of the retry topic, and the same grace after it;
- for each result that was published meanwhile, in the time that counts, the seconds that this machine takes for one
  (``pace``): that is the queue before it, not somebody who blocks it.

What is left is the time in which the pipeline could have classified it and did less than it can: it was blocked.

The pace is measured before anything is broken, and taken ``SLOWER`` times: other work on the machine slows it down. The
run keeps the queue short meanwhile (pacing.py), so that this uncertainty stays within seconds.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from tests.chaos.history import Answers, Event, Identity, Version

MAX_BLOCKED_SECONDS: Final = 10.0
"""Source: docs/decisions/0014: nobody waits longer for another one's object."""
GRACE_SECONDS: Final = 10.0
SLOWER: Final = 2.0
RECENT_SECONDS: Final = 60.0
"""Of what ended so long before a wait, the consequences may last: it is told, too."""

Period = tuple[float, float]
"""From when to when, in seconds of the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was in flight: a fault, from when to when. ``is_shared``: nobody could be classified meanwhile."""

    name: str
    began: float
    ended: float
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Parked:
    """An upload that was put onto a retry topic at some time, to be read ``delay_seconds`` later."""

    identity: Identity
    at: float
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Of one healthy picture, in seconds."""

    key: str
    at: float
    """When its message came, in seconds of the Unix epoch."""
    seconds: float
    blocked_seconds: float
    beside: Sequence[str] = ()
    """What was in flight; told of the longest only."""

    def __str__(self) -> str:
        """A sentence for people."""
        return (
            f"{self.key} waited {self.seconds:.1f} s for its result, {self.blocked_seconds:.1f} s of them because of "
            f"other objects ({MAX_BLOCKED_SECONDS:g} s are allowed), beside: {'; '.join(self.beside) or 'nothing'}"
        )


@dataclass(frozen=True, slots=True)
class Waits:
    """
    Of all healthy pictures.

    Attributes:
        measured: how many of them waited in time that counts.
        usual_seconds: the median of their whole waits.
        longest: the longest whole wait.
        most_blocked: the one that waited longest because of others.
    """

    healthy: int
    measured: int
    pace_seconds: float
    usual_seconds: float
    longest: Wait
    most_blocked: Wait

    @property
    def too_long(self) -> list[str]:
        """The breach of the promise, in words; empty if it was kept."""
        return [str(self.most_blocked)] if self.most_blocked.blocked_seconds > MAX_BLOCKED_SECONDS else []


def waits(
    versions: Sequence[Version],
    events: Sequence[Event],
    arrivals: Mapping[Identity, float],
    troubles: Sequence[Trouble],
    parked: Sequence[Parked] = (),
    *,
    pace_seconds: float,
    taken: Collection[Identity] = (),
) -> Waits | None:
    """
    Measure.

    Args:
        versions: all, healthy or not.
        events: the results.
        arrivals: when the first message about each version came.
        troubles: everything that was broken, and everybody's trouble.
        parked: what was on the retry topics.
        pace_seconds: what one result takes, as measured.
        taken: versions whose message nobody read.

    Returns:
        None if no healthy picture has a result.
    """
    answered = first_answers(versions, events)
    nobody = merged((each.began, each.ended + GRACE_SECONDS) for each in troubles if each.is_shared)
    own = _own_periods(parked, nobody)
    results = sorted(event.at for event in events if not any(begin <= event.at < end for begin, end in nobody))
    found: list[Wait] = []
    measured = 0
    for version in versions:
        identity = version.identity
        if not version.is_healthy or identity in taken or identity not in answered or identity not in arrivals:
            continue
        begin, end = arrivals[identity], max(arrivals[identity], answered[identity])
        counts = seconds_outside(begin, end, merged([*nobody, *own.get(identity, ())]))
        queue = (bisect_left(results, end) - bisect_left(results, begin)) * pace_seconds * SLOWER
        measured += counts > 0
        found.append(Wait(version.key, begin, end - begin, max(0.0, counts - queue)))
    if not found:
        return None
    most = max(found, key=lambda wait: wait.blocked_seconds)
    return Waits(
        healthy=len(found),
        measured=measured,
        pace_seconds=pace_seconds,
        usual_seconds=median(wait.seconds for wait in found),
        longest=max(found, key=lambda wait: wait.seconds),
        most_blocked=replace(most, beside=_beside(most, versions, answered, troubles)),
    )


def first_answers(versions: Sequence[Version], events: Iterable[Event]) -> dict[Identity, float]:
    """When each version got its first result."""
    answers = Answers(versions)
    first: dict[Identity, float] = {}
    for event in events:
        if (version := answers.version(event)) is not None:
            first[version.identity] = min(event.at, first.get(version.identity, event.at))
    return first


def merged(periods: Iterable[Period]) -> list[Period]:
    """The same time, in order and without overlaps."""
    found: list[Period] = []
    for begin, end in sorted(periods):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def seconds_outside(begin: float, end: float, periods: Sequence[Period]) -> float:
    """How much of a time lies in none of the periods, which are in order and do not overlap."""
    covered = sum(max(0.0, min(end, finish) - max(begin, start)) for start, finish in periods)
    return max(0.0, end - begin - covered)


def _own_periods(parked: Sequence[Parked], nobody: Sequence[Period]) -> dict[Identity, list[Period]]:
    found: dict[Identity, list[Period]] = {}
    for each in parked:
        if any(begin <= each.at < end for begin, end in nobody):
            period = each.at, each.at + each.delay_seconds + GRACE_SECONDS
            found.setdefault(each.identity, []).append(period)
    return found


def _beside(
    wait: Wait, versions: Sequence[Version], answered: Mapping[Identity, float], troubles: Sequence[Trouble]
) -> list[str]:
    """What was going on shortly before and during a wait, and what had not been decided at its beginning."""
    end = wait.at + wait.seconds
    going_on = [
        f"{each.name} ({each.began - wait.at:+.1f} to {each.ended - wait.at:+.1f} s)"
        for each in troubles
        if each.began <= end and each.ended >= wait.at - RECENT_SECONDS
    ]
    undecided = [
        version
        for version in versions
        if version.at <= end and answered.get(version.identity, end) >= wait.at and version.key != wait.key
    ]
    ill = sum(not version.is_healthy for version in undecided)
    return [*going_on, f"{ill} undecided objects that are refused or deleted, {len(undecided) - ill} healthy ones"]
