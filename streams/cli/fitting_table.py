"""A table that fits the terminal: long columns are folded, the others are not wrapped. In a pipe it has tabs. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table
from rich.text import Text

from streams.runtime.printable import printable

FOLDED_MIN_CHARS: Final = 10
"""Minimum width of a folded column that is still readable."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    A heading and its overflow. A column that ``folds`` continues on further lines and loses no character. Any other
    column keeps its width while the terminal is wide enough.
    """

    heading: str
    folds: bool = False
    right: bool = False


def fitting(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    """A table of the rows. Cells are untrusted: control characters are escaped, and markup is not interpreted."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=not column.folds,
            overflow="fold" if column.folds else "ellipsis",
            min_width=FOLDED_MIN_CHARS if column.folds else None,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def tabbed(table: Table) -> Iterator[str]:
    """The lines of the table for a pipe: headings, then rows; cells are separated by tabs, and nothing is padded."""
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    for cells in zip(*columns, strict=True):
        yield "\t".join(cells)
