"""Tables of the model commands. Pure: values in, renderables out."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from inference.lab.bench import Measurement, Setting
from inference.manifest import Manifest
from inference.prediction import LABELS
from streams.cli.plain_table import columns
from streams.runtime.printable import printable

_SHOWN = 10


def manifest(described: Manifest, sha256: str) -> RenderableType:
    """One row for each field; nested fields have their path as name."""
    table = columns(("field", "left"), ("value", "left"))
    table.columns[0].no_wrap = True
    for name, value in (("sha256", sha256), *_flat("", _fields(described))):
        table.add_row(Text(printable(name)), Text(printable(value), overflow="fold"))
    return table


def measurements(measured: Sequence[Measurement], chosen: Setting) -> RenderableType:
    """One row for each setting with the recommended one marked, then the environment variables for it."""
    table = columns(
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


def _fields(described: Manifest) -> dict[str, Any]:
    fields: dict[str, Any] = _without_slices(msgspec.to_builtins(described))
    # Thousands of labels, the golden answers and the points of a curve are not useful in a table.
    golden, curve = fields.pop("golden"), fields.pop("operating_curve")
    if described.cascade is not None:
        del fields["cascade"]["golden"]
    if len(described.labels) > _SHOWN:
        counts = {label: len(described.columns(label)) for label in LABELS}
        fields |= {"labels": f"{len(described.labels)} labels", "classes": counts}
    if curve is not None:
        fields["operating_curve"] = curve | {"points": f"{len(curve['points'])} points; --json has them"}
    fields["policy"] = " ".join(described.policy)
    return fields | {"golden answers": len(golden)}


def _without_slices(value: Any) -> Any:
    """The figures by slice of trained weights' cards replaced by their number; they have hundreds of rows."""
    if not isinstance(value, dict):
        return value
    return {
        name: f"{len(inner)} slices; --json has them"
        if name in ("slices", "not_fitted") and isinstance(inner, dict)
        else _without_slices(inner)
        for name, inner in value.items()
    }


def _flat(path: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    else:
        yield path, ", ".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)
