"""
What was uploaded against what was published, version by version. Pure.

Where the bucket has versions, a notification names its own: each version that was ever uploaded must have its own
result on one of the two topics, also one that was overwritten a moment later. Where it has none, the newest must have
one, and an older one may: what is read is what the object is then. The same result twice is a replay and allowed; two
different ones are not, nor is a rejection that the picture did not earn.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Identity = tuple[str, str | None]
"""A key, and the version under it; or its etag, where the bucket has no versions."""


@dataclass(frozen=True, slots=True)
class Version:
    """
    One upload and the outcome that it must have. Times are seconds of the Unix epoch.

    Attributes:
        key: of the object; that of a message which names none is made of its id.
        version_id: None in a bucket without versions, and where the message names none.
        etag: None of what is no object.
        also: another outcome that is as good, see account.Expected.
        is_healthy: others' trouble must not delay it. False for what is itself the trouble.
    """

    key: str
    version_id: str | None
    etag: str | None
    outcome: str
    at: float
    also: str | None = None
    is_healthy: bool = True

    @property
    def identity(self) -> Identity:
        """What tells it from all others."""
        return self.key, self.version_id or self.etag


@dataclass(frozen=True, slots=True)
class Event:
    """One published result: cat, dog, or the reason of the rejection."""

    key: str
    version_id: str | None
    etag: str | None
    outcome: str
    at: float

    @property
    def identity(self) -> Identity:
        """That of the version which it names, or whose bytes it has."""
        return self.key, self.version_id or self.etag


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


class Answers:
    """Finds the version that a result is about."""

    def __init__(self, versions: Sequence[Version], taken: Collection[Identity] = ()) -> None:
        self._wanted = {version.identity: version for version in versions}
        # What reconcile enqueues names no version.
        self._by_etag = {(v.key, v.etag): v for v in versions if v.identity in taken}

    def version(self, event: Event) -> Version | None:
        """The version; None if nobody uploaded it."""
        return self._wanted.get(event.identity) or self._by_etag.get(event.identity)


def compare(versions: Sequence[Version], events: Sequence[Event], taken: Collection[Identity] = ()) -> History:
    """
    Find every difference between what was uploaded and what was published.

    Args:
        versions: in the order in which they were written.
        events: in any order.
        taken: what no message tells of any more. If it is its object's newest, the account of the tables asks for it.
    """
    answers = Answers(versions, taken)
    given: dict[Identity, set[str]] = defaultdict(set)
    blamed: list[str] = []
    mislabelled: list[str] = []
    strangers: list[str] = []
    for event in events:
        version = answers.version(event)
        if version is None:
            strangers.append(f"{event.key}: {event.outcome} of {event.version_id}")
            continue
        results = given[version.identity]
        if event.outcome != version.also:
            results.add(event.outcome)
        if event.outcome not in {version.outcome, version.also}:
            text = f"{event.key}: {event.outcome}, not {version.outcome}, of {event.version_id}"
            (mislabelled if event.outcome in {"cat", "dog"} else blamed).append(text)
        elif event.etag != version.etag:
            mislabelled.append(f"{event.key}: etag {event.etag}, not {version.etag}, of {event.version_id}")
    needed = newest_and_versioned(versions)
    return History(
        outcomes=Counter(event.outcome for event in events),
        unanswered=[f"{v.key}: {v.version_id}" for v in needed if v.identity not in given and v.identity not in taken],
        blamed=blamed,
        mislabelled=mislabelled,
        contradicted=[f"{key}: {sorted(its)} of {version}" for (key, version), its in given.items() if len(its) > 1],
        strangers=strangers,
    )


def newest_and_versioned(versions: Sequence[Version]) -> list[Version]:
    """All versions but those that were overwritten in a bucket that keeps none."""
    newest = {version.key: version for version in versions}
    return [v for v in versions if v.version_id is not None or newest[v.key] is v]
