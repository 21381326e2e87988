"""An evaluation as a self-contained HTML file: metrics, plots, gates, slices, contact sheets of the errors."""

from collections.abc import Mapping
from typing import Final

import jinja2

from inference.classifier import Classifier
from inference.decode import Limits
from inference.lab import plots
from inference.lab.contact_sheet import sheets
from inference.lab.findings import Findings
from inference.lab.json_report import in_sample
from inference.lab.proportion import Proportion
from inference.lab.report_page import PAGE
from inference.lab.report_sections import AGAINST, CURVE, GATES, SHEETS, SLICES
from inference.prediction import LABELS

TITLES: Final = {
    "accuracy": "accuracy (cat or dog)",
    "pets_accepted": "pets accepted",
    "non_pets_accepted": "non-pets accepted",
    "three_way_accuracy": "three-way accuracy",
    "as_labelled": "all outcomes as labelled",
}
NAMED: Final = 30
"""How many pictures won and lost are named; the JSON document names all."""


def html(found: Findings, classifier: Classifier, source: str, limits: Limits) -> str:
    """
    The page. The template escapes all values, such as file names.

    Args:
        found: the evaluation; the files of its mistakes are read again for thumbnails.
        classifier: the evaluated one.
        source: the folder's name in the page.
        limits: of the decoder.
    """
    folder, evaluation, calibration = found.pictures, found.pictures.evaluation, found.calibration
    fitted = in_sample(folder, classifier.manifest)
    return _PAGES.get_template("page").render(
        found=found,
        manifest=classifier.manifest,
        thresholds=classifier.thresholds,
        sha256=classifier.sha256,
        engine=classifier.engine,
        source=source,
        in_sample=fitted is not None,
        cross_validated=in_words(fitted) if fitted else None,
        tiles=[{"title": TITLES[name], **written(each)} for name, each in folder.proportions().items()],
        titles=TITLES,
        labels=LABELS,
        confusion=evaluation.confusion,
        rows={label: sum(evaluation.confusion[label, given] for given in LABELS) for label in LABELS},
        calibration=calibration,
        reliability=plots.reliability(calibration.bins),
        histogram=plots.histogram(folder.judged(), classifier.thresholds.accept),
        operating=plots.operating(found.curve, found.own),
        sheets=sheets(found, limits),
        rejections=[*folder.rejections(), *found.policy_pictures.rejections()],
        named=NAMED,
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


def in_words(metrics: Mapping[str, float]) -> str:
    """Metrics by name as text."""
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())


def short(proportion: Proportion) -> str:
    """A proportion for a narrow column, in per cent with its 95 % interval: 98.6 (95.0-99.6)."""
    if not proportion.whole:
        return "-"
    low, high = proportion.interval
    return f"{100 * proportion.rate:.1f} ({100 * low:.1f}-{100 * high:.1f})"


_PAGES: Final = jinja2.Environment(
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    loader=jinja2.DictLoader(
        {"page": PAGE, "gates": GATES, "slices": SLICES, "curve": CURVE, "against": AGAINST, "sheets": SHEETS}
    ),
)
_PAGES.filters |= {"written": written, "short": short}
