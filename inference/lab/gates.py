"""The figures that a model has to reach on pictures that it was not fitted to, and which of them it misses. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from inference.lab.calibration import Calibration
from inference.lab.evaluate import FolderEvaluation
from inference.lab.proportion import Proportion

Figure = Literal["accuracy", "pets_accepted", "non_pets_accepted", "expected_calibration_error"]
State = Literal["met", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Gate:
    """
    A bound of a figure, 0..1, over all pictures or over those of one slice.

    ``figure`` is one of ``Evaluation.proportions``, or the expected calibration error.
    """

    name: str
    figure: Figure
    bound: float
    at_least: bool = False
    slice: str | None = None

    @property
    def rule(self) -> str:
        """The bound for people: at least 98.8 %, or at most 0.01."""
        bound = f"{self.bound:g}" if self.figure == "expected_calibration_error" else f"{100 * self.bound:g} %"
        return f"at {'least' if self.at_least else 'most'} {bound}"


GATES: Final = (
    Gate("cat or dog", "accuracy", 0.988, at_least=True),
    Gate("pets accepted", "pets_accepted", 0.988, at_least=True),
    Gate("non-pets accepted", "non_pets_accepted", 0.015),
    Gate("people accepted", "non_pets_accepted", 0.005, slice="people"),
    Gate("small pets and raccoons accepted", "non_pets_accepted", 0.08, slice="lookalike-other"),
    Gate("calibration error", "expected_calibration_error", 0.01),
)
"""For photographs of any origin; docs/model.md explains the slices."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    A gate and what was measured. ``value`` is 0..1; ``counts`` is the rate behind it, None for the calibration error.

    Nothing is measured where there are no pictures of the kind; ``value`` is then None.
    """

    gate: Gate
    value: float | None
    counts: Proportion | None

    @property
    def state(self) -> State:
        """By the measured value itself, whatever its interval."""
        if self.value is None:
            return "not measured"
        met = self.value >= self.gate.bound if self.gate.at_least else self.value <= self.gate.bound
        return "met" if met else "missed"

    @property
    def certain(self) -> bool:
        """Whether the whole 95 % interval is on the same side of the bound; True without an interval."""
        if self.counts is None or not self.counts.whole:
            return True
        return all((end >= self.gate.bound) == (self.counts.rate >= self.gate.bound) for end in self.counts.interval)


def judge(
    pictures: FolderEvaluation, slices: Mapping[str, FolderEvaluation], calibration: Calibration
) -> tuple[Verdict, ...]:
    """
    A verdict for each of ``GATES``.

    Args:
        pictures: without policy cases.
        slices: the same by slice.
        calibration: of the same.
    """
    return tuple(_verdict(gate, pictures, slices, calibration) for gate in GATES)


def missed(verdicts: tuple[Verdict, ...]) -> list[str]:
    """The names of the gates that are missed."""
    return [each.gate.name for each in verdicts if each.state == "missed"]


def _verdict(
    gate: Gate, pictures: FolderEvaluation, slices: Mapping[str, FolderEvaluation], calibration: Calibration
) -> Verdict:
    if gate.figure == "expected_calibration_error":
        error = calibration.expected_error
        return Verdict(gate, error if math.isfinite(error) else None, None)
    judged = pictures if gate.slice is None else slices.get(gate.slice, FolderEvaluation([]))
    counts = judged.evaluation.proportions()[gate.figure]
    return Verdict(gate, counts.rate if counts.whole else None, counts)
