"""The times and the outcome of each picture, and the summary of all. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from streams.runtime.utc import utc_text


@dataclass(slots=True)
class Journey:
    """One picture's way through the pipeline. Times in seconds of one clock; None until the stage is reached."""

    id: UUID
    key: str
    expected: str | None
    uploaded: float
    outcome: str | None = None
    """cat, dog, or the reason of its rejection."""
    confidence: float | None = None
    result: float | None = None
    stored: float | None = None
    is_in_store: bool = True
    """Whether the object store has confirmed the picture."""

    @property
    def arrived(self) -> bool:
        """Whether it has both its event and its row."""
        return self.result is not None and self.stored is not None


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest-rank percentile: the least value that ``share`` (0..1) of the values do not exceed; 0 if empty."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)] if ordered else 0.0


def latency_lines(journeys: Sequence[Journey]) -> list[str]:
    """Upload to result and upload to row: p50 and p95, as text."""
    lines = []
    for title, moments in (
        ("upload → result", [j.result - j.uploaded for j in journeys if j.result is not None]),
        ("upload → row", [j.stored - j.uploaded for j in journeys if j.stored is not None]),
    ):
        lines.append(f"{title:16} p50 {percentile(moments, 0.5):.3f} s   p95 {percentile(moments, 0.95):.3f} s")
    return lines


def pictures_per_second(journeys: Sequence[Journey]) -> float:
    """Throughput from the first upload to the last row."""
    stored = [j.stored for j in journeys if j.stored is not None]
    return len(stored) / max(1e-9, max(stored) - min(j.uploaded for j in journeys)) if stored else 0.0


def accuracy_lines(journeys: Sequence[Journey]) -> list[str]:
    """Accuracy against the labels, as text; empty without labels."""
    known = [j for j in journeys if j.expected and j.outcome]
    if not known:
        return []
    right = [j for j in known if j.outcome == j.expected]
    lines = [f"accuracy         {_share(len(right), len(known))} as labelled"]
    pets = [j for j in known if j.expected in ("cat", "dog")]
    accepted = [j for j in pets if j.outcome in ("cat", "dog")]
    others = [j for j in known if j.expected == "not_a_pet"]
    if pets:
        lines[0] += f"; pets accepted {_share(len(accepted), len(pets))}"
    if accepted:
        species = sum(j.outcome == j.expected for j in accepted)
        lines[0] += f", of these cat/dog right {_share(species, len(accepted))}"
    if others:
        wrongly = sum(j.outcome in ("cat", "dog") for j in others)
        lines[0] += f"; others accepted {_share(wrongly, len(others))}"
    lines += [f"  {j.key}: {j.outcome}, labelled {j.expected}" for j in known if j.outcome != j.expected]
    return lines


def outcomes_line(journeys: Sequence[Journey]) -> str:
    """Every outcome with its count."""
    counts = Counter(j.outcome for j in journeys if j.outcome)
    return "outcomes         " + ", ".join(f"{outcome} {number}" for outcome, number in counts.most_common())


def waiting_line(
    journeys: Sequence[Journey], reasons: Mapping[UUID, str] | None, not_uploaded: int, since: float
) -> str:
    """
    What the demo waits for, as text.

    Args:
        journeys: of all pictures that were uploaded, or whose upload has begun.
        reasons: why uploads are parked on a retry topic, by id; None if Kafka does not say.
        not_uploaded: pictures whose upload has not begun.
        since: when the last picture arrived, in seconds since 1970.
    """
    missing = [journey for journey in journeys if not journey.arrived]
    sending = [journey for journey in missing if not journey.is_in_store]
    undecided = [journey for journey in missing if journey.result is None and journey.is_in_store]
    parked = [reasons[journey.id] for journey in undecided if reasons and journey.id in reasons]
    counts = [
        (len(parked), f"parked for another attempt ({', '.join(sorted(set(parked)))})"),
        (
            len(undecided) - len(parked),
            "without a result" if reasons is not None else "without a result, parked or not",
        ),
        (len(missing) - len(undecided) - len(sending), "without a row"),
        (len(sending), "not confirmed by the object store"),
        (not_uploaded, "not uploaded yet"),
    ]
    found = "; ".join(f"{number} {what}" for number, what in counts if number)
    return f"{found}. Nothing arrived since {utc_text(datetime.fromtimestamp(since, UTC))}"


@dataclass(frozen=True, slots=True)
class Totals:
    """The objects by outcome; ``waiting`` ones have no outcome and wait on a retry topic."""

    objects: int
    classified: int
    rejected: int
    waiting: int

    @property
    def holds(self) -> bool:
        """Whether every object is counted once."""
        return self.objects == self.classified + self.rejected + self.waiting

    @property
    def line(self) -> str:
        """The last line of the demo."""
        waiting = f" + waiting {self.waiting}" if self.waiting else ""
        verdict = "nothing lost" if self.holds else "THE ACCOUNT DOES NOT HOLD"
        return f"objects {self.objects} = classified {self.classified} + rejected {self.rejected}{waiting}  {verdict}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part}/{whole})"
