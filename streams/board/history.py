"""Results, latency and backlog of the last hour by the minute, and of the last day by the quarter of an hour. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from streams.board.latencies import Latencies
from streams.board.pictures import Outcome, decided_at
from streams.contracts import ImageClassified

Span = Literal["hour", "day"]
Kind = Literal["cat", "dog", "not_a_pet", "rejected"]
"""``rejected``: for any other reason than ``not_a_pet``."""

MINUTE: Final = timedelta(minutes=1)
QUARTER: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
STEPS: Final[Mapping[Span, tuple[timedelta, timedelta]]] = {"hour": (HOUR, MINUTE), "day": (DAY, QUARTER)}
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Result:
    """
    One result.

    ``at``: when it reached Kafka. ``latency``: from the upload to the decision. ``weight``: how many results it stands
    for, where a sample was read.
    """

    at: datetime
    kind: Kind
    latency: timedelta
    weight: float = 1.0

    @classmethod
    def of(cls, event: Outcome, at: datetime, weight: float = 1.0) -> "Result":
        """The result that an event tells of."""
        if isinstance(event, ImageClassified):
            kind: Kind = event.classification
        else:
            kind = "not_a_pet" if event.reason == "not_a_pet" else "rejected"
        return cls(at, kind, decided_at(event) - event.uploaded_at, weight)


class HistoryView(msgspec.Struct, frozen=True):
    """
    The slots of a span, the oldest first, all of ``step`` seconds; the last one is the current, and not over.

    ``first`` and ``now`` in milliseconds since 1970, latencies in milliseconds. None: no news of that slot, or for a
    latency, no results in it.
    """

    first: int
    now: int
    step: int
    cat: list[int | None]
    dog: list[int | None]
    not_a_pet: list[int | None]
    rejected: list[int | None]
    p50: list[int | None]
    p95: list[int | None]
    waiting: list[int | None]
    """The most that waited at once, in messages."""


@dataclass(slots=True)
class _Slot:
    counts: dict[Kind, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    latencies: Latencies = field(default_factory=Latencies)
    waiting: int | None = None


class _Series:
    """Slots of one length, by their number since 1970. A slot exists only if there is news of it."""

    def __init__(self, span: timedelta, step: timedelta) -> None:
        self.step = step
        self.length = span // step
        self.slots: dict[int, _Slot] = {}

    def number(self, at: datetime) -> int:
        return int(at.timestamp() // self.step.total_seconds())

    def slot(self, number: int) -> _Slot:
        found = self.slots.get(number)
        if found is None:
            found = self.slots[number] = _Slot()
            if len(self.slots) > 2 * self.length:
                del self.slots[min(self.slots)]
        return found

    def forget(self, now: datetime) -> None:
        """Drop what is older than the span, and what is ahead: the clock was set back."""
        last = self.number(now)
        for number in [each for each in self.slots if not last - self.length <= each <= last]:
            del self.slots[number]


class History:
    """
    Counts by time, in memory that does not grow with the traffic: at most 120 + 192 slots of some kB.

    There is news of a slot if Kafka answered in it, if a result came in it, or if it was read later.
    """

    def __init__(self) -> None:
        self._series = {span: _Series(*lengths) for span, lengths in STEPS.items()}
        self.looked_at: datetime | None = None
        """When Kafka answered last."""

    def observe(self, result: Result) -> None:
        """Add a result."""
        for series in self._series.values():
            slot = series.slot(series.number(result.at))
            slot.counts[result.kind] += result.weight
            slot.latencies.add(result.latency, result.weight)

    def look(self, now: datetime, waiting: int | None) -> None:
        """Kafka answers now. ``waiting``: how much waits, None if unknown."""
        self.looked_at = now
        for series in self._series.values():
            series.forget(now)
            slot = series.slot(series.number(now))
            if waiting is not None:
                slot.waiting = max(waiting, slot.waiting or 0)

    def fill(self, results: Iterable[Result], since: datetime, now: datetime) -> None:
        """Add results that were read later: all between two moments, and there are no others."""
        for series in self._series.values():
            first = max(series.number(since), series.number(now) - series.length)
            for number in range(first, series.number(now) + 1):
                series.slot(number)
        for result in results:
            self.observe(result)

    def view(self, span: Span, now: datetime) -> HistoryView:
        """The slots of a span, up to now."""
        series = self._series[span]
        last = series.number(now)
        slots = [series.slots.get(number) for number in range(last - series.length, last + 1)]
        seconds = int(series.step.total_seconds())

        def counts(kind: Kind) -> list[int | None]:
            return [None if slot is None else round(slot.counts[kind]) for slot in slots]

        def latencies(percent: int) -> list[int | None]:
            return [None if slot is None else slot.latencies.percentile(percent) for slot in slots]

        return HistoryView(
            first=(last - series.length) * seconds * 1000,
            now=round(now.timestamp() * 1000),
            step=seconds,
            cat=counts("cat"),
            dog=counts("dog"),
            not_a_pet=counts("not_a_pet"),
            rejected=counts("rejected"),
            p50=latencies(50),
            p95=latencies(95),
            waiting=[None if slot is None else slot.waiting for slot in slots],
        )
