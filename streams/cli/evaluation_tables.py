"""The tables of ``petstream model evaluate``. Pure: values in, renderables out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from inference.lab.calibration import Calibration
from inference.lab.compare import Comparison, Difference
from inference.lab.evaluate import FolderEvaluation, Labelled
from inference.lab.findings import Findings
from inference.lab.gates import Verdict
from inference.lab.operating_curve import Point
from inference.lab.report import TITLES, short, written
from inference.prediction import LABELS
from streams.cli.plain_table import columns
from streams.runtime.printable import printable

_SHOWN: Final = 10
_COLOURS: Final = {"met": "green", "missed": "red", "not measured": "dim"}


def evaluation(found: Findings) -> RenderableType:
    """Rates, confusion matrix, calibration, gates, slices, thresholds, the other model, mistakes and rejections."""
    sections = (
        _rates(found),
        _confusion(found.pictures),
        _calibration(found.calibration),
        _gates(found.gates),
        _slices("slice", found.slices),
        _slices("policy case (in no total)", found.policy_cases),
        _curve(found.curve, found.own),
        _against(found.comparison),
        _mistakes(found),
        _rejections(found),
    )
    parts = [part for section in map(list, sections) if section for part in (*section, Text())]
    return Group(*parts[:-1])


def _rates(found: Findings) -> Iterable[RenderableType]:
    own, moved = found.pictures.proportions(), found.moved
    if moved is None:
        table = columns(("figure", "left"), "rate", "counts", ("interval (Wilson)", "left"))
        for name, each in own.items():
            table.add_row(TITLES[name], *written(each).values())
        yield table
        return
    threshold = f"at {moved.thresholds.accept:g}"
    table = columns(
        ("figure", "left"), "the model's own", "counts", ("interval", "left"), threshold, "counts", ("interval", "left")
    )
    other = moved.pictures.proportions()
    for name, each in own.items():
        table.add_row(TITLES[name], *written(each).values(), *written(other[name]).values())
    yield table


def _confusion(pictures: FolderEvaluation) -> Iterable[RenderableType]:
    confusion = pictures.evaluation.confusion
    table = columns(("is \\ called", "left"), *LABELS)
    for label in LABELS:
        table.add_row(label, *(str(confusion[label, given]) for given in LABELS))
    yield table


def _calibration(calibration: Calibration) -> Iterable[RenderableType]:
    table = columns(("confidence", "left"), "pictures", "mean confidence", "right", ("95 % (Wilson)", "left"))
    for each in calibration.bins:
        if each.right.whole:
            low, high = each.right.interval
            table.add_row(
                f"{each.low:.1f} to {each.high:.1f}",
                str(each.right.whole),
                f"{each.confidence:.4f}",
                f"{each.right.rate:.4f}",
                f"{low:.3f} to {high:.3f}",
            )
    yield table
    yield Text(
        f"expected calibration error {calibration.expected_error:.4f} ({len(calibration.bins)} bins of equal width; "
        f"confidence is the largest score), log loss {calibration.log_loss:.4f}, Brier {calibration.brier:.4f}"
    )


def _gates(verdicts: Sequence[Verdict]) -> Iterable[RenderableType]:
    table = columns(
        ("gate", "left"), ("has to be", "left"), "measured", ("interval (Wilson)", "left"), ("verdict", "left")
    )
    for each in verdicts:
        measured = "n/a" if each.value is None else f"{each.value:.4f}"
        said = written(each.counts) if each.counts else {"rate": measured, "interval": ""}
        verdict = Text(each.state if each.certain else f"{each.state}, not certainly", style=_COLOURS[each.state])
        table.add_row(each.gate.name, each.gate.rule, said["rate"], said["interval"], verdict)
    yield table


def _slices(title: str, slices: Mapping[str, FolderEvaluation]) -> Iterable[RenderableType]:
    if not slices:
        return
    table = columns(
        (title, "left"), "pictures", "right label, %", "cat or dog, %", "pets accepted, %", "non-pets accepted, %"
    )
    for name, each in slices.items():
        rates = each.proportions()
        cells = (rates[figure] for figure in ("as_labelled", "accuracy", "pets_accepted", "non_pets_accepted"))
        table.add_row(Text(printable(name)), str(len(each.outcomes)), *(short(cell) for cell in cells))
    yield table


def _curve(points: Sequence[Point], own: Point) -> Iterable[RenderableType]:
    table = columns(("least score of a label", "left"), "pets kept", "others accepted", "wrong species")
    for each in points:
        rates = (each.pets_kept, each.false_pets, each.wrong_species)
        table.add_row(f"{each.thresholds.accept:g}", *(written(rate)["rate"] for rate in rates))
    rates = (own.pets_kept, own.false_pets, own.wrong_species)
    summed = ", cat and dog together" if own.thresholds.compared == "pet" else ""
    name = f"the model's own: {own.thresholds.accept:g}{summed}"
    table.add_row(name, *(written(rate)["rate"] for rate in rates), style="bold")
    yield table


def _against(comparison: Comparison | None) -> Iterable[RenderableType]:
    if comparison is None:
        return
    yield Text(f"against {printable(comparison.other)}")
    table = columns(("slice", "left"), "pictures", "won", "lost", ("p (McNemar, exact)", "left"))
    for part, each in (("all", comparison.total), *comparison.slices.items()):
        table.add_row(Text(printable(part)), *_compared(each))
    yield table
    yield Text(f"won: {_named(comparison.total.won)}")
    yield Text(f"lost: {_named(comparison.total.lost)}")


def _compared(difference: Difference) -> tuple[str, ...]:
    won, lost = len(difference.won), len(difference.lost)
    return str(difference.pictures), str(won), str(lost), f"{difference.p_value:.3g}"


def _named(pictures: Sequence[Labelled]) -> str:
    names = ", ".join(printable(each.name) for each in pictures[:_SHOWN])
    more = len(pictures) - _SHOWN
    return (names or "none") + (f" and {more} more; --json has them" if more > 0 else "")


def _mistakes(found: Findings) -> Iterable[RenderableType]:
    mistakes = found.pictures.mistakes()
    if not mistakes:
        yield Text("no mistakes")
        return
    table = columns(("most confident mistakes", "left"), ("is", "left"), ("called", "left"), *LABELS)
    for labelled, p in mistakes[:_SHOWN]:
        scores = (f"{getattr(p.scores, label):.3f}" for label in LABELS)
        table.add_row(Text(printable(labelled.name)), labelled.expected, p.label, *scores)
    yield table
    if len(mistakes) > _SHOWN:
        yield Text(f"and {len(mistakes) - _SHOWN} more; --html and --json have them")


def _rejections(found: Findings) -> Iterable[RenderableType]:
    rejections = [*found.pictures.rejections(), *found.policy_pictures.rejections()]
    if not rejections:
        yield Text("no rejections")
        return
    table = columns(("rejected", "left"), ("expected", "left"), ("reason", "left"), ("detail", "left"))
    for labelled, rejected in rejections:
        table.add_row(
            Text(printable(labelled.name)),
            labelled.expected,
            rejected.reason,
            Text(printable(rejected.detail), overflow="fold"),
        )
    yield table
