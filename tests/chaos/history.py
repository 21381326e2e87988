"""
What was uploaded against what was published, version by version. Pure.

The bucket has versions and a notification names its own: each version that was ever uploaded must have its own result
on one of the two topics, also one that was overwritten a moment later. The same result twice is a replay and allowed;
two different ones are not, nor is a rejection that the picture did not earn.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Version:
    """One upload and the outcome that it must have. Times are seconds of the Unix epoch."""

    key: str
    version_id: str
    etag: str
    outcome: str
    at: float


@dataclass(frozen=True, slots=True)
class Event:
    """One published result: cat, dog, or the reason of the rejection."""

    key: str | None
    version_id: str | None
    etag: str | None
    outcome: str
    at: float


@dataclass(frozen=True, slots=True)
class History:
    """Empty lists are what is hoped for."""

    outcomes: Mapping[str, int]
    unanswered: list[str]
    """Versions without any result."""
    blamed: list[str]
    """Rejections that the picture did not earn."""
    mislabelled: list[str]
    """Labels that are not the picture's, and results of other bytes than were uploaded."""
    contradicted: list[str]
    """Versions with two results that differ."""
    strangers: list[str]
    """Results of what nobody uploaded."""

    @property
    def holds(self) -> bool:
        """Whether every version has its own outcome and no other."""
        return not (self.unanswered or self.blamed or self.mislabelled or self.contradicted or self.strangers)


@dataclass(frozen=True, slots=True)
class Stall:
    """How long a picture waited from its upload to its first result."""

    key: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stalls:
    """The longest wait, the longest when the time in which anything was broken does not count, and the usual one."""

    longest: Stall
    longest_outside_faults: Stall
    median_seconds: float


def compare(versions: Sequence[Version], events: Sequence[Event]) -> History:
    """Find every difference between what was uploaded and what was published."""
    wanted = {(version.key, version.version_id): version for version in versions}
    given: dict[tuple[str | None, str | None], set[str]] = defaultdict(set)
    blamed: list[str] = []
    mislabelled: list[str] = []
    strangers: list[str] = []
    for event in events:
        version = wanted.get((event.key or "", event.version_id or ""))
        if version is None:
            strangers.append(f"{event.key}: {event.outcome} of {event.version_id}")
            continue
        given[event.key, event.version_id].add(event.outcome)
        if event.outcome != version.outcome:
            text = f"{event.key}: {event.outcome}, not {version.outcome}, of {event.version_id}"
            (mislabelled if event.outcome in {"cat", "dog"} else blamed).append(text)
        elif event.etag != version.etag:
            mislabelled.append(f"{event.key}: etag {event.etag}, not {version.etag}, of {event.version_id}")
    return History(
        outcomes=Counter(event.outcome for event in events),
        unanswered=[f"{v.key}: {v.version_id}" for v in versions if (v.key, v.version_id) not in given],
        blamed=blamed,
        mislabelled=mislabelled,
        contradicted=[f"{key}: {sorted(its)} of {version}" for (key, version), its in given.items() if len(its) > 1],
        strangers=strangers,
    )


def stalls(
    versions: Sequence[Version], events: Sequence[Event], faults: Sequence[tuple[float, float]]
) -> Stalls | None:
    """How long versions waited for their first result; None if none has one. ``faults``: from when to when."""
    first: dict[tuple[str | None, str | None], float] = {}
    for event in events:
        identity = event.key, event.version_id
        first[identity] = min(event.at, first.get(identity, event.at))
    answered = [(v.key, v.at, first[v.key, v.version_id]) for v in versions if (v.key, v.version_id) in first]
    if not answered:
        return None
    overall = [Stall(key, end - begin) for key, begin, end in answered]
    outside = [Stall(key, seconds_outside(begin, end, faults)) for key, begin, end in answered]
    return Stalls(
        longest=max(overall, key=lambda stall: stall.seconds),
        longest_outside_faults=max(outside, key=lambda stall: stall.seconds),
        median_seconds=median(stall.seconds for stall in overall),
    )


def seconds_outside(begin: float, end: float, faults: Sequence[tuple[float, float]]) -> float:
    """How much of a time lies in none of the faults, which may overlap."""
    left, at = 0.0, begin
    for start, finish in sorted(faults):
        if start > end:
            break
        left += max(0.0, start - at)
        at = max(at, finish)
    return left + max(0.0, end - at)
