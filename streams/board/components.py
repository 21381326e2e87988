"""The state of each component: what it is, since when, and the chapter of the runbook about it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from streams.board.absence import Part
from streams.board.facts import Facts, Reach, WaitingWork
from streams.board.pictures import milliseconds
from streams.board.processes import SILENT_AFTER, Heard
from streams.contracts.topics import CLASSIFIER_GROUP, SINK_GROUP

FORGOTTEN_AFTER: Final = timedelta(seconds=30)
"""A silent process is forgotten while others of its role work: another one has taken its place."""
STORAGE_SILENT_AFTER: Final = timedelta(seconds=100)
"""Three messages of a sink about storage (STATUS_INTERVAL_SECONDS, 30 s) and a margin."""

RETIRED_AFTER: Final = timedelta(days=1)
"""A bridge that has been silent for so long, of a board that has no queue, was replaced by a store that publishes to
Kafka itself."""

Name = Literal["object_store", "queue", "bridge", "kafka", "classifier", "sink", "database"]
State = Literal["works", "waits", "trouble", "away", "unknown", "none"]
"""``waits``: only for another component. ``none``: not configured, or never heard of."""

NAMES: Final[Mapping[Name, str]] = {
    "object_store": "object store",
    "queue": "queue",
    "bridge": "bridge",
    "kafka": "Kafka",
    "classifier": "classifier",
    "sink": "sink",
    "database": "database",
}
DEPENDENCY_CHAPTERS: Final[Mapping[Name, str]] = {
    "object_store": "petstreamobjectstoreunavailable",
    "queue": "petstreamqueueunavailable",
    "kafka": "petstreamkafkaunavailable",
    "database": "petstreamstorageunavailable",
}
DOWN: Final = "petstreamdown"
NOT_LIVE: Final = "petstreamnotlive"
STALLED: Final = "petstreamstalled"
CIRCUIT: Final = "petstreamcircuitopen"
GROUPS: Final[Mapping[Part, str]] = {"classifier": CLASSIFIER_GROUP, "sink": SINK_GROUP}


class ComponentView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A component as the page gets it; ``since`` in milliseconds since 1970."""

    name: Name
    state: State
    text: str
    since: int | None = None
    chapter: str = ""


def components(facts: Facts, now: datetime) -> list[ComponentView]:
    """The states of all components, in the order of the pipeline."""
    return [
        _dependency("object_store", facts, facts.store, now),
        _dependency("queue", facts, facts.queue, now),
        _process("bridge", facts, now),
        _kafka(facts),
        _process("classifier", facts, now),
        _process("sink", facts, now),
        _database(facts, now),
    ]


def at_work(part: Part, facts: Facts, now: datetime) -> list[Heard]:
    """The processes of a role whose heartbeats come."""
    return [
        each
        for each in facts.heard
        if each.status.component == part and not each.is_stopped and not each.is_silent(now)
    ]


def _view(name: Name, state: State, text: str, since: datetime | None = None, chapter: str = "") -> ComponentView:
    return ComponentView(name, state, text, None if since is None else milliseconds(since), chapter)


def _kafka(facts: Facts) -> ComponentView:
    match facts.kafka.presence:
        case "there":
            return _view("kafka", "works", "answers", facts.kafka.since)
        case "away":
            return _view("kafka", "away", "does not answer", facts.kafka.since, DEPENDENCY_CHAPTERS["kafka"])
    return _view("kafka", "unknown", "not reached yet")


def _dependency(name: Name, facts: Facts, reach: Reach, now: datetime) -> ComponentView:
    """A dependency as the processes report it, and as the board itself finds it."""
    parts: tuple[Part, ...] = ("bridge", "classifier", "sink")
    told = [
        (since, part)
        for part in parts
        for each in at_work(part, facts, now)
        if (since := each.status.unavailable.get(name)) is not None
    ]
    if told and facts.kafka.presence == "there":
        since, part = min(told)
        return _view(name, "away", f"does not answer the {part}", since, DEPENDENCY_CHAPTERS[name])
    match reach.presence:
        case "away":
            return _view(name, "away", "does not answer", reach.since, DEPENDENCY_CHAPTERS[name])
        case "there":
            return _view(name, "works", "answers", reach.since)
        case "none":
            return _view(name, "none", "not configured here")
    return _view(name, "unknown", "not reached yet")


def _database(facts: Facts, now: datetime) -> ComponentView:
    found = _dependency("database", facts, facts.database, now)
    if found.state == "away":
        return found
    sinks, storage = at_work("sink", facts, now), facts.storage
    if storage is not None and storage.state == "degraded" and now - storage.at <= STORAGE_SILENT_AFTER and not sinks:
        return _view("database", "away", "results are not being stored", storage.since, found.chapter)
    if found.state in {"none", "unknown"} and sinks:
        return _view("database", "works", "answers the sink", max(each.status.since for each in sinks))
    return found


@dataclass(frozen=True, slots=True)
class _Work:
    """What waits for a role, and how one says that nobody takes it."""

    backlogs: Sequence[WaitingWork]
    nobody: str

    @property
    def waits(self) -> bool:
        return any(each.known for each in self.backlogs)

    @property
    def untaken(self) -> datetime | None:
        return min((each.untaken for each in self.backlogs if each.known and each.untaken), default=None)


def _work(part: Part, facts: Facts) -> _Work:
    match part:
        case "bridge":
            return _Work((facts.in_queue,), "nothing is received from the queue")
        case "classifier":
            return _Work((facts.uploads, facts.bulk, facts.parked), "none has been in its consumer group")
    return _Work((facts.results,), "none has been in its consumer group")


def _process(part: Part, facts: Facts, now: datetime) -> ComponentView:
    if facts.kafka.presence != "there":
        return _view(part, "unknown", "cannot report without Kafka")
    alive = at_work(part, facts, now)
    if alive:
        return _alive(part, alive, facts, now)
    heard = [each for each in facts.heard if each.status.component == part]
    members = facts.members.get(GROUPS.get(part, ""))
    if not heard:
        return _unheard(part, members, facts)
    return _gone(part, max(heard, key=lambda each: each.status.at), members, facts, now)


def _gone(part: Part, newest: Heard, members: tuple[str, ...] | None, facts: Facts, now: datetime) -> ComponentView:
    """No process of a role reports anything, and this one was the last."""
    if part == "bridge" and facts.queue.presence == "none" and now - newest.at > RETIRED_AFTER:
        return _view(part, "none", "none has reported for a day")
    if newest.is_stopped:
        return _view(part, "away", "was stopped", newest.status.at, DOWN)
    if facts.kafka.since is None or now - facts.kafka.since <= SILENT_AFTER:
        return _view(part, "unknown", "no news yet")  # while the board or Kafka was away, nothing could be heard
    why = "killed, frozen or cut off from Kafka"
    if members is not None:
        why = "frozen, as it has not left its consumer group yet" if members else "killed, or frozen for long"
    return _view(part, "away", f"reports nothing ({why})", newest.status.at, DOWN)


def _unheard(part: Part, members: tuple[str, ...] | None, facts: Facts) -> ComponentView:
    if members:
        return _view(part, "unknown", f"{len(members)} in the consumer group, but none reports on pipeline-status")
    absence, work = facts.absent.get(part), _work(part, facts)
    # Before the first bridge, the queue may hold the store's test event, which is no upload.
    lone = part == "bridge" and absence is not None and absence.is_since_before and facts.in_queue.known == 1
    if absence is not None and work.waits and not lone:
        return _view(part, "away", work.nobody, absence.since, DOWN)
    return _view(part, "none", "none has reported")


def _alive(part: Part, alive: Sequence[Heard], facts: Facts, now: datetime) -> ComponentView:
    since = max(each.status.since for each in alive)
    number = f"{len(alive)} running"
    for each in alive:
        unavailable = each.status.unavailable
        if each.status.state == "degraded" and not (unavailable and unavailable.keys() <= DEPENDENCY_CHAPTERS.keys()):
            chapter = CIRCUIT if {"inference", "classifier"} & unavailable.keys() else NOT_LIVE
            is_starting = not unavailable and len(alive) == 1 and now - each.status.since < FORGOTTEN_AFTER
            state: State = "waits" if is_starting else "trouble"
            return _view(part, state, each.status.warning or "degraded", each.status.since, chapter)
    if (silent := _silent(part, alive, facts, now)) is not None:
        return silent
    waits_for = {NAMES[name] for each in alive for name in DEPENDENCY_CHAPTERS if name in each.status.unavailable}
    if waits_for:
        return _view(part, "waits", f"{number}, waits for the {' and the '.join(sorted(waits_for))}", since)
    untaken = _work(part, facts).untaken
    if untaken is not None:
        return _view(part, "trouble", f"{number}, but takes nothing of what waits", untaken, STALLED)
    return _view(part, "works", number, since)


def _silent(part: Part, alive: Sequence[Heard], facts: Facts, now: datetime) -> ComponentView | None:
    """Some processes of a role that others of it have not replaced."""
    members = facts.members.get(GROUPS.get(part, ""))
    if members is not None and len(members) <= len(alive):
        return None
    silent = [
        each
        for each in facts.heard
        if each.status.component == part
        and not each.is_stopped
        and each.is_silent(now)
        and now - each.at <= FORGOTTEN_AFTER
    ]
    if not silent:
        return None
    text = f"{len(alive)} running, {len(silent)} reports nothing (killed or frozen)"
    return _view(part, "trouble", text, min(each.at for each in silent), DOWN)
