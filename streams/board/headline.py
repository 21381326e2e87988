"""The sentence at the top of the page. "All is well" only if nothing waits and every known component works. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from streams.board.components import DEPENDENCY_CHAPTERS, DOWN, NAMES, ComponentView, Name
from streams.board.facts import Facts

WAITS_LONG_AFTER: Final = timedelta(seconds=60)
"""A live upload that has waited for so long is no normal work in progress."""
LAG_GROWING: Final = "petstreamlaggrowing"
PARKED: Final = "petstreamuploadswaiting"
PARTS: Final = ("bridge", "classifier", "sink")
NOTHING_LOST: Final = "Nothing is lost: the work goes on once everything works."

Kind = Literal["ok", "warn", "bad", ""]


class Headline(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sentence, a note on it, and the chapter of the runbook about it."""

    kind: Kind
    title: str
    note: str
    chapter: str = ""


def headline(facts: Facts, components: Sequence[ComponentView], now: datetime) -> Headline:
    """The sentence at a moment, from what is known and the components' states."""
    if facts.kafka.presence == "unknown":
        return Headline("", "Loading …", "Connecting to Kafka.")
    if facts.kafka.presence == "away":
        note = "The page shows the last known state. It reconnects by itself."
        return Headline("bad", "Kafka does not answer", note, DEPENDENCY_CHAPTERS["kafka"])
    return (
        _away(facts, components, now)
        or _trouble(facts, components, now)
        or _work(facts, components, now)
        or _unknown(facts, components)
        or Headline("ok", "All is well", "Nothing is waiting. Pictures are classified and stored as they arrive.")
    )


def waiting(facts: Facts, now: datetime) -> str:
    """What waits, and since when the oldest of it does; empty if nothing waits."""
    said = []
    if uploads := facts.waiting_uploads:
        said.append(f"{_number(uploads, 'upload waits', 'uploads wait')}{_oldest(facts, now)}.")
    if results := facts.results.known:
        age = "" if facts.results.oldest is None else f", the oldest for {age_of(now - facts.results.oldest)}"
        said.append(f"{_number(results, 'result waits', 'results wait')} to be stored{age}.")
    return " ".join(said)


def age_of(age: timedelta) -> str:
    """A duration in one unit, rounded down: 15 s (in steps of 5), 3 min, 2 h, 4 days."""
    seconds = max(0, int(age.total_seconds()))
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds // 5 * 5} s"
    if seconds < 3600:  # noqa: PLR2004
        return f"{seconds // 60} min"
    hours = seconds // 3600
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004


def _oldest(facts: Facts, now: datetime) -> str:
    known = [each.oldest for each in (facts.uploads, facts.bulk, facts.parked) if each.known and each.oldest]
    untaken = facts.in_queue.untaken if facts.in_queue.known else None
    if untaken is not None and untaken < min(known, default=now):
        return f", the oldest for at least {age_of(now - untaken)}"
    return f", the oldest for {age_of(now - min(known))}" if known else ""


def _away(facts: Facts, components: Sequence[ComponentView], now: datetime) -> Headline | None:
    away = [each for each in components if each.state == "away"]
    if not away:
        return None
    what_waits = waiting(facts, now)
    parts = [each.name for each in away if each.name in PARTS]
    if parts:
        kind: Kind = "bad" if what_waits else "warn"
        title = f"No {' and no '.join(parts)} is working"
        silent = [each.name for each in away if each.name not in PARTS]
        also = f"{_no_answer(silent)}. " if silent else ""
        return Headline(kind, title, f"{also}{what_waits or 'Nothing waits yet.'} {NOTHING_LOST}", DOWN)
    title = _no_answer([each.name for each in away])
    if [each.name for each in away] == ["database"]:
        note = f"Pictures are classified; their rows follow later. {what_waits}".rstrip()
        return Headline("warn", title, note, away[0].chapter)
    return Headline("bad", title, f"{what_waits} {NOTHING_LOST}".lstrip(), away[0].chapter)


def _no_answer(names: Sequence[Name]) -> str:
    listed = " and the ".join(NAMES[name] for name in names)
    return f"The {listed} {'does' if len(names) == 1 else 'do'} not answer"


def _trouble(facts: Facts, components: Sequence[ComponentView], now: datetime) -> Headline | None:
    trouble = [each for each in components if each.state == "trouble"]
    if not trouble:
        return None
    first = trouble[0]
    listed = " and the ".join(NAMES[each.name] for each in trouble)
    title = f"The {listed} {'has' if len(trouble) == 1 else 'have'} trouble"
    note = f"{first.text[:1].upper()}{first.text[1:].rstrip('.')}. {waiting(facts, now)}".rstrip()
    return Headline("warn", title, note, first.chapter)


def _work(facts: Facts, components: Sequence[ComponentView], now: datetime) -> Headline | None:
    in_progress = facts.in_queue.known + facts.uploads.known + facts.bulk.known + facts.results.known
    if in_progress:
        if facts.in_queue.untaken is not None and not facts.uploads.known + facts.bulk.known + facts.results.known:
            count = _number(facts.in_queue.known, "notification is", "notifications are")
            note = f"{count} in the queue and nothing receives it: the store's test event, or an upload."
            return Headline("warn", "The queue is not read", note, DOWN)
        live = [each.oldest for each in (facts.uploads, facts.results) if each.known and each.oldest]
        if live and now - min(live) >= WAITS_LONG_AFTER:
            return Headline("warn", "Work is waiting", waiting(facts, now), LAG_GROWING)
        return Headline("ok", "Processing", f"{waiting(facts, now)} {_not_ready(components)}".strip())
    if parked := facts.parked.known:
        title = _number(parked, "upload waits for another attempt", "uploads wait for another attempt")
        age = "" if facts.parked.oldest is None else f"The oldest has waited for {age_of(now - facts.parked.oldest)}. "
        return Headline("ok", title, f"{age}All others are classified and stored as they arrive.", PARKED)
    return None


def _unknown(facts: Facts, components: Sequence[ComponentView]) -> Headline | None:
    if None in {facts.uploads.count, facts.bulk.count, facts.results.count}:
        note = "The board may not read it, or the topics are missing: petstream topics permissions board."
        return Headline("", "The lag is unknown", note)
    if facts.queue.presence == "unknown":
        return Headline("", "The queue's length is unknown", "The queue has not answered yet.")
    unheard = [each.name for each in components if each.name in PARTS and each.state in {"unknown", "none"}]
    if facts.queue.presence == "none":
        unheard = [name for name in unheard if name != "bridge"]  # stores may publish to Kafka directly
    if not_ready := _not_ready(components):
        return Headline("", "Nothing is waiting", not_ready)
    if unheard:
        return Headline("", "Nothing is waiting", f"No report yet: {', '.join(unheard)}.")
    return None


def _not_ready(components: Sequence[ComponentView]) -> str:
    names = [NAMES[each.name] for each in components if each.state == "waits"]
    return f"Not ready: {', '.join(names)}." if names else ""


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
