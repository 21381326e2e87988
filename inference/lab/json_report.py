"""An evaluation as a JSON document. Pure."""

import math
from collections.abc import Iterator
from typing import Any

from inference.lab.compare import Comparison, Difference
from inference.lab.evaluate import FolderEvaluation, pictures_digest
from inference.lab.findings import Findings
from inference.lab.gates import Verdict
from inference.lab.operating_curve import Point
from inference.lab.proportion import Proportion
from inference.manifest import Manifest, Thresholds
from inference.prediction import LABELS, Prediction


def in_sample(folder: FolderEvaluation, manifest: Manifest) -> dict[str, float] | None:
    """
    Whether the model was fitted to exactly these pictures: then its cross-validated metrics, which are to be expected
    of new pictures, or an empty dict if the manifest has none. Else None.

    Recognised by an object in the manifest's provenance, at any depth, whose ``pictures_sha256`` is the digest of the
    folder; its ``metrics`` are the answer. Part of the fitted pictures is not recognised.
    """
    candidates = list(_fitted(manifest.provenance))
    if not candidates:
        return None
    rows = [outcome.labelled for outcome in folder.outcomes]
    digest = pictures_digest((row.read() for row in rows), (row.expected for row in rows))
    found = next((each for each in candidates if each["pictures_sha256"] == digest), None)
    return None if found is None else dict(found.get("metrics") or {})


def _fitted(provenance: Any) -> Iterator[dict[str, Any]]:
    """The objects that name fitted pictures."""
    if isinstance(provenance, dict):
        if "pictures_sha256" in provenance:
            yield provenance
        provenance = list(provenance.values())
    if isinstance(provenance, list):
        for each in provenance:
            yield from _fitted(each)


def json_report(found: Findings) -> dict[str, Any]:
    """
    ``accuracy``, ``pets_accepted``, ``non_pets_accepted``, ``three_way_accuracy`` and ``as_labelled`` as rates 0..1.

    ``counts`` and ``intervals`` have their counts and 95 % Wilson intervals, by the same names; so have the entries of
    ``slices``, ``policy_cases`` and ``at``. A rate without pictures is null, since JSON has no NaN.
    """
    folder, calibration, confusion = found.pictures, found.calibration, found.pictures.evaluation.confusion
    return {
        **_rates(folder),
        "confusion": {label: {given: confusion[label, given] for given in LABELS} for label in LABELS},
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
        "gates": [_gate(each) for each in found.gates],
        "slices": {name: _rates(each) for name, each in found.slices.items()},
        "policy_cases": {name: _rates(each) for name, each in found.policy_cases.items()},
        "operating_point": _point(found.own),
        "operating_curve": [_point(each) for each in found.curve],
        "at": found.moved and {**_thresholds(found.moved.thresholds), **_rates(found.moved.pictures)},
        "against": found.comparison and _comparison(found.comparison),
        "mistakes": [
            {
                "file": labelled.name,
                "slice": labelled.slice_name,
                "expected": labelled.expected,
                **answered(prediction),
            }
            for labelled, prediction in (*folder.mistakes(), *found.policy_pictures.mistakes())
        ],
        "rejections": [
            {
                "file": labelled.name,
                "slice": labelled.slice_name,
                "expected": labelled.expected,
                "reason": rejected.reason,
                "detail": rejected.detail,
            }
            for labelled, rejected in (*folder.rejections(), *found.policy_pictures.rejections())
        ],
    }


def answered(prediction: Prediction) -> dict[str, Any]:
    """A prediction as plain values."""
    scores = {label: float(getattr(prediction.scores, label)) for label in LABELS}
    return {"label": prediction.label, "confidence": prediction.confidence, "scores": scores}


def _rates(folder: FolderEvaluation) -> dict[str, Any]:
    proportions = folder.proportions()
    return {
        "pictures": len(folder.outcomes),
        **{name: _finite(each.rate) for name, each in proportions.items()},
        "counts": {name: _counts(each) for name, each in proportions.items()},
        "intervals": {name: list(each.interval) for name, each in proportions.items()},
    }


def _counts(proportion: Proportion) -> dict[str, int]:
    return {"part": proportion.part, "whole": proportion.whole}


def _thresholds(thresholds: Thresholds) -> dict[str, Any]:
    return {"threshold": thresholds.accept, "compared": thresholds.compared}


def _point(point: Point) -> dict[str, Any]:
    shares = {"pets_kept": point.pets_kept, "false_pets": point.false_pets, "wrong_species": point.wrong_species}
    return {
        **_thresholds(point.thresholds),
        **{name: _finite(each.rate) for name, each in shares.items()},
        "counts": {name: _counts(each) for name, each in shares.items()},
    }


def _gate(verdict: Verdict) -> dict[str, Any]:
    gate = verdict.gate
    return {
        "name": gate.name,
        "figure": gate.figure,
        "slice": gate.slice,
        "least" if gate.at_least else "most": gate.bound,
        "value": verdict.value,
        "interval": list(verdict.counts.interval) if verdict.counts else None,
        "state": verdict.state,
        "certain": verdict.certain,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "model": comparison.other,
        **_difference(comparison.total),
        "slices": {name: _difference(each) for name, each in comparison.slices.items()},
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "pictures": difference.pictures,
        "won": [each.name for each in difference.won],
        "lost": [each.name for each in difference.lost],
        "p_value": difference.p_value,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
