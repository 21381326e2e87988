"""Which outcomes the model is unsure of, and the three scores of a rejection as its row holds them. Pure."""

import re
from typing import Final

from persistence.selection import UNSURE_BELOW
from streams.contracts import ImageClassified, ImageRejected

LABELS: Final = ("cat", "dog", "neither")
_SCORE: Final = re.compile(r"\b(cat|dog|neither) ([01]\.\d{4})\b")

Scores = dict[str, float]
"""By label, each 0..1: cat, dog, neither."""


def scores_of(outcome: ImageClassified | ImageRejected) -> Scores | None:
    """The scores of a label, or of a picture that was judged to be no pet; None for other rejections."""
    return None if outcome.scores is None else {label: getattr(outcome.scores, label) for label in LABELS}


def scores_in(detail: str) -> Scores | None:
    """The scores that the detail of a rejection states (``classify.retry_or_reject``), or None."""
    found = {label: float(score) for label, score in _SCORE.findall(detail)}
    return {label: found[label] for label in LABELS} if found.keys() == set(LABELS) else None


def is_unsure(outcome: str, confidence: float | None, scores: Scores | None) -> bool:
    """
    Whether the score of the outcome is low.

    Args:
        outcome: cat, dog or a reason. Of the reasons, only ``not_a_pet`` has a score: that of neither.
        confidence: Of a label.
        scores: If known.
    """
    if outcome == "not_a_pet" and scores is not None:
        return scores["neither"] < UNSURE_BELOW
    return confidence is not None and confidence < UNSURE_BELOW
