"""Figures of labelled pictures from a network's logits: overall and by slice, as values for a card. Pure."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from inference.lab.calibration import calibrate
from inference.lab.evaluate import evaluate
from inference.lab.proportion import Proportion
from inference.manifest import Thresholds
from inference.prediction import Label, Prediction, decide, normalise

_DIGITS = 5


def predictions(logits: Tensor, thresholds: Thresholds) -> list[Prediction]:
    """The prediction for each row of ``logits``, (N, 3)."""
    rows = torch.as_tensor(logits).double().softmax(1).tolist()
    return [decide(normalise(*row), accept=thresholds.accept, compared=thresholds.compared) for row in rows]


def figures(labels: Sequence[Label], answers: Sequence[Prediction]) -> dict[str, Any]:
    """
    The number of pictures, the proportions of ``Evaluation.proportions`` with their intervals, and the calibration.

    What there are no pictures for is left out.
    """
    evaluation, calibration = evaluate(labels, answers), calibrate(labels, answers)
    return {
        "pictures": len(labels),
        **{name: _written(each) for name, each in evaluation.proportions().items() if each.whole},
        **{
            name: round(value, _DIGITS)
            for name, value in (
                ("log_loss", calibration.log_loss),
                ("expected_calibration_error", calibration.expected_error),
            )
            if math.isfinite(value)
        },
    }


def by_slice(slices: Sequence[str], labels: Sequence[Label], answers: Sequence[Prediction]) -> dict[str, Any]:
    """``figures`` of each slice, by its name, in the names' order."""
    rows = list(zip(slices, labels, answers, strict=True))
    return {
        name: figures([label for of, label, _ in rows if of == name], [given for of, _, given in rows if of == name])
        for name in sorted(set(slices))
    }


def _written(proportion: Proportion) -> dict[str, Any]:
    return {
        "part": proportion.part,
        "whole": proportion.whole,
        "rate": round(proportion.rate, _DIGITS),
        "interval": [round(bound, _DIGITS) for bound in proportion.interval],
    }
