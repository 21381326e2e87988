"""Tables of the model commands. Pure: values in, renderables out."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inference.lab.bench import Measurement, Setting
from inference.lab.calibration import Calibration
from inference.lab.evaluate import FolderEvaluation
from inference.lab.json_report import calibration_of
from inference.lab.report import TITLES, written
from inference.manifest import Manifest
from inference.prediction import LABELS
from streams.runtime.printable import printable

_SHOWN = 10


def evaluation(folder: FolderEvaluation) -> RenderableType:
    """Rates with confidence intervals, confusion matrix, calibration, mistakes and rejections."""
    figures = folder.evaluation
    rates = _table(("figure", "left"), "rate", "counts", ("interval (Wilson)", "left"))
    for name, each in (figures.proportions() | {"as_labelled": folder.as_labelled}).items():
        rates.add_row(TITLES[name], *written(each).values())
    confusion = _table(("is \\ called", "left"), *LABELS)
    for label in LABELS:
        confusion.add_row(label, *(str(figures.confusion[label, given]) for given in LABELS))
    parts: list[RenderableType] = [rates, Text(), confusion, Text(), *_calibration(calibration_of(folder))]
    return Group(*parts, Text(), *_mistakes(folder), Text(), *_rejections(folder))


def manifest(described: Manifest, sha256: str) -> RenderableType:
    """One row for each field; nested fields have their path as name."""
    table = _table(("field", "left"), ("value", "left"))
    table.columns[0].no_wrap = True
    for name, value in (("sha256", sha256), *_flat("", _fields(described))):
        table.add_row(Text(printable(name)), Text(printable(value), overflow="fold"))
    return table


def measurements(measured: Sequence[Measurement], chosen: Setting) -> RenderableType:
    """One row for each setting with the recommended one marked, then the environment variables for it."""
    table = _table(
        ("engine", "left"), "threads", "batch", "pictures/s", "ms/picture", "CPU ms/picture", "p50 of a batch, ms"
    )
    for each in measured:
        at = each.setting
        cells = (at.threads, at.batch, f"{each.rate:.1f}", f"{1000 / each.rate:.1f}", f"{each.cpu_ms:.1f}")
        style = "bold" if at == chosen else None
        table.add_row(at.engine, *(str(cell) for cell in cells), f"{each.p50_ms:.1f}", style=style)
    settings = " ".join(f"{name}={value}" for name, value in environment(chosen).items())
    return Group(table, Text(), Text(f"recommended: {settings}"))


def environment(chosen: Setting) -> dict[str, str | int]:
    """
    The settings of ``petstream classify`` for ``chosen``.

    The batch size is included only for a GPU. CPU engines process pictures one by one, and this benchmark does not
    measure the savings of a larger batch in Kafka, sink and PostgreSQL.
    """
    settings: dict[str, str | int] = {"ENGINE": chosen.engine, "ENGINE_THREADS": chosen.threads}
    return settings | ({"BATCH_MAX_SIZE": chosen.batch} if chosen.engine == "cuda" else {})


def _calibration(calibration: Calibration) -> Iterable[RenderableType]:
    table = _table(("confidence", "left"), "pictures", "mean confidence", "right", ("95 % (Wilson)", "left"))
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
        f"expected calibration error {calibration.expected_error:.4f} ({len(calibration.bins)} bins of equal width), "
        f"log loss {calibration.log_loss:.4f}, Brier {calibration.brier:.4f}"
    )


def _mistakes(folder: FolderEvaluation) -> Iterable[RenderableType]:
    mistakes = folder.mistakes()
    if not mistakes:
        yield Text("no mistakes")
        return
    table = _table(("most confident mistakes", "left"), ("is", "left"), ("called", "left"), *LABELS)
    for labelled, p in mistakes[:_SHOWN]:
        scores = (f"{getattr(p.scores, label):.3f}" for label in LABELS)
        table.add_row(Text(printable(labelled.name)), labelled.expected, p.label, *scores)
    yield table
    if len(mistakes) > _SHOWN:
        yield Text(f"and {len(mistakes) - _SHOWN} more; --html and --json have them")


def _rejections(folder: FolderEvaluation) -> Iterable[RenderableType]:
    rejections = folder.rejections()
    if not rejections:
        yield Text("no rejections")
        return
    table = _table(("rejected", "left"), ("expected", "left"), ("reason", "left"), ("detail", "left"))
    for labelled, rejected in rejections:
        table.add_row(
            Text(printable(labelled.name)),
            labelled.expected,
            rejected.reason,
            Text(printable(rejected.detail), overflow="fold"),
        )
    yield table


def _fields(described: Manifest) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(described)
    # Thousands of labels and the golden answers are not useful in a table.
    golden = fields.pop("golden")
    if described.cascade is not None:
        del fields["cascade"]["golden"]
    if len(described.labels) > _SHOWN:
        columns = {label: len(described.columns(label)) for label in LABELS}
        fields |= {"labels": f"{len(described.labels)} labels", "classes": columns}
    return fields | {"golden answers": len(golden)}


def _flat(path: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    else:
        yield path, ", ".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)


def _table(*columns: str | tuple[str, str]) -> Table:
    """A table with these headers; columns are right-aligned unless stated otherwise."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        name, justify = (column, "right") if isinstance(column, str) else column
        table.add_column(name, justify=justify)  # type: ignore[arg-type] # left and right are rich's words
    return table
