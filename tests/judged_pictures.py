"""Outcomes of pictures that were never drawn."""

from pathlib import Path

from inference.lab.evaluate import FolderEvaluation, Labelled, Outcome
from inference.prediction import Label, Scores, decide

SCORES: dict[Label, Scores] = {
    "cat": Scores(0.8, 0.15, 0.05),
    "dog": Scores(0.15, 0.8, 0.05),
    "neither": Scores(0.1, 0.1, 0.8),
}


def outcome(expected: Label, given: Label, part: str = "", *, name: str = "a.jpg") -> Outcome:
    """A picture of one label that the model gives another one, with a score of 0.8."""
    return Outcome(Labelled(Path(name), expected, slice=part), decide(SCORES[given], accept=0.5))


def folder(*outcomes: Outcome) -> FolderEvaluation:
    return FolderEvaluation(list(outcomes))
