"""An evaluation as a self-contained HTML file: metrics, plots, confusion matrix, worst pictures."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jinja2
from PIL import Image

from inference.classifier import Classifier
from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.lab.calibration import Bin
from inference.lab.evaluate import FolderEvaluation, Labelled
from inference.lab.json_report import calibration_of, cross_validated
from inference.lab.proportion import Proportion
from inference.lab.report_page import PAGE
from inference.manifest import InputSpec
from inference.prediction import LABELS, Label, Prediction

TITLES: Final = {
    "accuracy": "accuracy (cat or dog)",
    "pets_accepted": "pets accepted",
    "non_pets_accepted": "non-pets accepted",
    "three_way_accuracy": "three-way accuracy",
    "as_labelled": "all outcomes as labelled",
}
_SHOWN: Final = 24
_THUMBNAIL: Final = InputSpec(size=176, resize=176)
_COLUMNS: Final = 20
# The plots' area within a view box of 360 x 300; the page draws its axes at the same numbers.
_LEFT, _WIDTH, _TOP, _HEIGHT = 40, 300, 20, 240


def html(folder: FolderEvaluation, classifier: Classifier, source: str, limits: Limits) -> str:
    """
    The page. The template escapes all values, such as file names.

    Args:
        folder: the evaluation; the files of its mistakes are read again for thumbnails.
        classifier: the evaluated one.
        source: the folder's name in the page.
        limits: of the decoder.
    """
    calibration, evaluation, mistakes = calibration_of(folder), folder.evaluation, folder.mistakes()
    proportions = evaluation.proportions() | {"as_labelled": folder.as_labelled}
    return _TEMPLATE.render(
        manifest=classifier.manifest,
        sha256=classifier.sha256,
        engine=classifier.engine,
        folder=folder,
        source=source,
        fitted_here=in_words(cross_validated(folder, classifier.manifest)),
        tiles=[{"title": TITLES[name], **written(each)} for name, each in proportions.items()],
        labels=LABELS,
        confusion=evaluation.confusion,
        rows={label: sum(evaluation.confusion[label, given] for given in LABELS) for label in LABELS},
        calibration=calibration,
        reliability=_reliability(calibration.bins),
        histogram=_histogram(folder.judged(), classifier.manifest.thresholds.accept),
        worst=[
            {"labelled": labelled, "prediction": prediction, "thumbnail": _thumbnail(labelled, limits)}
            for labelled, prediction in mistakes[:_SHOWN]
        ],
        hidden=max(0, len(mistakes) - _SHOWN),
        rejections=folder.rejections(),
    )


def written(proportion: Proportion) -> dict[str, str]:
    """A proportion for people: ``rate`` (99.32 %), ``counts`` (290 of 292), ``interval`` (97.5 to 99.8 %)."""
    if not proportion.whole:
        return {"rate": "n/a", "counts": "0 of 0", "interval": "nothing to judge by"}
    low, high = proportion.interval
    return {
        "rate": f"{100 * proportion.rate:.2f} %",
        "counts": f"{proportion.part} of {proportion.whole}",
        "interval": f"95 %: {100 * low:.1f} to {100 * high:.1f} %",
    }


def in_words(metrics: Mapping[str, float] | None) -> str | None:
    """Metrics by name as text; None if there are none."""
    if metrics is None:
        return None
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def _thumbnail(labelled: Labelled, limits: Limits) -> str | None:
    """The picture's central square as a base64 JPEG, decoded with the same limits as for the model."""
    try:
        pixels = decode(labelled.read(), _THUMBNAIL, limits)
    except (OSError, RejectedImage):  # the file was replaced since
        return None
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _reliability(bins: Sequence[Bin]) -> dict[str, Any]:
    total = sum(each.right.whole for each in bins)
    dots = [
        {
            "x": _x(each.confidence),
            "y": _y(each.right.rate),
            "low": _y(each.right.interval[0]),
            "high": _y(each.right.interval[1]),
            "r": round(3 + 7 * math.sqrt(each.right.whole / total), 1),
            "text": f"{each.right.part} of {each.right.whole} right at a mean confidence of {each.confidence:.3f}",
        }
        for each in bins
        if each.right.whole
    ]
    ticks = [{"x": _x(at / 4), "y": _y(at / 4), "text": f"{at / 4:g}"} for at in range(5)]
    return {"dots": dots, "ticks": ticks}


def _histogram(judged: Sequence[tuple[Label, Prediction]], accept: float) -> dict[str, Any]:
    counts = {"pets": [0] * _COLUMNS, "others": [0] * _COLUMNS}
    for label, prediction in judged:
        column = min(int((1 - prediction.scores.neither) * _COLUMNS), _COLUMNS - 1)
        counts["others" if label == "neither" else "pets"][max(column, 0)] += 1
    middle, half = _TOP + _HEIGHT / 2, _HEIGHT / 2 - 24
    most = max(max(each) for each in counts.values())
    scale = half / math.log1p(max(most, 1))
    bars = [
        {
            "kind": kind,
            "x": round(_x(column / _COLUMNS) + 1, 1),
            "w": _WIDTH / _COLUMNS - 2,
            "h": round(scale * math.log1p(count), 1),
            "y": round(middle - (scale * math.log1p(count) if kind == "pets" else 0), 1),
            "text": f"{count} {kind} from {column / _COLUMNS:.2f} to {(column + 1) / _COLUMNS:.2f}",
        }
        for kind, columns in counts.items()
        for column, count in enumerate(columns)
        if count
    ]
    marks = [0, *(10**power for power in range(len(str(most))) if 10**power <= most)]
    ticks = [{"y": round(middle + side * scale * math.log1p(at), 1), "text": at} for at in marks for side in (-1, 1)]
    return {"bars": bars, "ticks": ticks, "cut": _x(accept)}


def _x(share: float) -> float:
    return round(_LEFT + _WIDTH * share, 1)


def _y(share: float) -> float:
    return round(_TOP + _HEIGHT * (1 - share), 1)


_TEMPLATE: Final = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
    PAGE
)
