"""The figures of a training's card as a table. Pure."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inference.lab.report import TITLES
from streams.runtime.printable import printable

if TYPE_CHECKING:
    from inference.lab.cascade_card import Choice

_FIGURES = ("accuracy", "pets_accepted", "non_pets_accepted")


def figures(card: dict[str, Any]) -> RenderableType:
    """One row for each slice that was held out, all of them together, and the slices that were not fitted."""
    table = Table(box=None, pad_edge=False)
    table.add_column("slice")
    table.add_column("pictures", justify="right")
    for name in _FIGURES:
        table.add_column(TITLES[name], justify="right")
    validation = card["cross_validation"]
    rows = {**({"all held out": validation["figures"], **validation["slices"]} if validation else {})}
    rows |= {f"{name} (not fitted)": of for name, of in card["not_fitted"].items()}
    for name, of in rows.items():
        table.add_row(Text(printable(name)), str(of["pictures"]), *(_cell(of.get(figure)) for figure in _FIGURES))
    epochs = "1 epoch" if card["epochs"] == 1 else f"{card['epochs']} epochs"
    if not validation:
        return Group(*([table] if rows else []), Text(f"{epochs}, not cross-validated"))
    chosen = (
        f"{epochs}, held out by {validation['held_out_by']}: log loss "
        f"{validation['figures']['log_loss']:.4f}, calibration error "
        f"{validation['figures']['expected_calibration_error']:.4f}, temperature {validation['temperature']:.2f}"
    )
    return Group(table, Text(chosen))


def candidates(choice: "Choice") -> RenderableType:
    """One row for each threshold of a cascade, between those of its networks alone."""
    table = Table(box=None, pad_edge=False)
    for name in ("defer below", "deferred", "right", "log loss"):
        table.add_column(name, justify="right")
    rows = [("small alone", choice.small), *((f"{each.defer_below:g}", each) for each in choice.points)]
    for name, each in [*rows, ("large alone", choice.large)]:
        chosen = " (chosen)" if each is choice.point else ""
        table.add_row(
            f"{name}{chosen}", f"{100 * each.deferred:.1f} %", f"{100 * each.right:.2f} %", f"{each.log_loss:.4f}"
        )
    return table


def _cell(proportion: dict[str, Any] | None) -> str:
    if proportion is None:
        return ""
    low, high = proportion["interval"]
    return f"{100 * proportion['rate']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
