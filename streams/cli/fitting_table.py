"""A table that fits the terminal: what must stay whole is not wrapped, what is long is folded. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table
from rich.text import Text

from streams.runtime.printable import printable

FOLDED_MIN_CHARS: Final = 10
"""Narrower than this nothing can be read any more."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    A heading, and what becomes of cells that are too wide: what ``folds`` goes on in further lines and loses no
    character; another column keeps its width as long as the terminal has it.
    """

    heading: str
    folds: bool = False
    right: bool = False


def fitting(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    """The rows under the columns; cells are other people's text and neither drive a terminal nor are markup."""
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
