"""An evaluation as a JSON document. Pure."""

import math
from typing import Any

from inference.lab.calibration import Calibration, calibrate
from inference.lab.evaluate import FolderEvaluation, pictures_digest
from inference.manifest import Manifest
from inference.prediction import LABELS, Prediction


def calibration_of(folder: FolderEvaluation) -> Calibration:
    """The calibration over ``FolderEvaluation.judged``."""
    judged = folder.judged()
    return calibrate([label for label, _ in judged], [prediction for _, prediction in judged])


def cross_validated(folder: FolderEvaluation, manifest: Manifest) -> dict[str, float] | None:
    """
    The manifest's cross-validated metrics, if the model's head was fitted to exactly these pictures; else None.

    In that case, the folder's metrics are in-sample; the cross-validated ones are to be expected for new pictures.
    """
    head = manifest.provenance.get("head")
    if not isinstance(head, dict) or not isinstance(head.get("metrics"), dict):
        return None
    rows = [outcome.labelled for outcome in folder.outcomes]
    digest = pictures_digest((row.read() for row in rows), (row.expected for row in rows))
    return dict(head["metrics"]) if digest == head.get("pictures_sha256") else None


def json_report(folder: FolderEvaluation) -> dict[str, Any]:
    """
    ``accuracy``, ``pets_accepted``, ``non_pets_accepted``, ``three_way_accuracy`` and ``as_labelled`` as rates 0..1.

    ``counts`` and ``intervals`` have their counts and 95 % Wilson intervals, by the same names. A rate without pictures
    is null, since JSON has no NaN.
    """
    evaluation, calibration = folder.evaluation, calibration_of(folder)
    proportions = evaluation.proportions() | {"as_labelled": folder.as_labelled}
    return {
        **{name: _finite(each.rate) for name, each in proportions.items()},
        "counts": {name: {"part": each.part, "whole": each.whole} for name, each in proportions.items()},
        "intervals": {name: list(each.interval) for name, each in proportions.items()},
        "confusion": {label: {given: evaluation.confusion[label, given] for given in LABELS} for label in LABELS},
        "log_loss": _finite(calibration.log_loss),
        "brier": _finite(calibration.brier),
        "expected_calibration_error": _finite(calibration.expected_error),
        "reliability": [
            {
                "low": each.low,
                "high": each.high,
                "count": each.right.whole,
                "confidence": _finite(each.confidence),
                "right": _finite(each.right.rate),
            }
            for each in calibration.bins
        ],
        "mistakes": [
            {"file": labelled.name, "expected": labelled.expected, **answered(prediction)}
            for labelled, prediction in folder.mistakes()
        ],
        "rejections": [
            {
                "file": labelled.name,
                "expected": labelled.expected,
                "reason": rejected.reason,
                "detail": rejected.detail,
            }
            for labelled, rejected in folder.rejections()
        ],
    }


def answered(prediction: Prediction) -> dict[str, Any]:
    """A prediction as plain values."""
    scores = {label: float(getattr(prediction.scores, label)) for label in LABELS}
    return {"label": prediction.label, "confidence": prediction.confidence, "scores": scores}


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
