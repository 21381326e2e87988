"""Reads labels.csv, as people and spreadsheets write it. Needs no decoder and no model."""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

DELIMITERS: Final = ",;\t"
"""Comma: RFC 4180. Semicolon: locales with a decimal comma. Tab: Excel's "Unicode text"."""
FILE: Final = "file"
LABEL: Final = ("label", "expected")
SLICE: Final = "slice"
ORIGIN: Final = "origin"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """
    One picture of a table.

    ``file`` is as written. ``label`` is one of the allowed labels, in lower case. ``place`` is the table and line, for
    messages. ``slice`` names the pictures it belongs with, in lower case; empty: none. ``origin`` says where it was
    got, in lower case; empty: not known.
    """

    file: str
    label: str
    place: str
    slice: str = ""
    origin: str = ""


class _Columns(NamedTuple):
    """Where a line has what; ``slice`` and ``origin`` are None if there is no such column."""

    file: int
    label: int
    slice: int | None = None
    origin: int | None = None


def read_table(path: Path, labels: Collection[str]) -> list[Row]:
    """
    The rows of a table of labels, without empty lines.

    The first line may name the columns, in any order and among others: ``file``, ``label`` (or ``expected``),
    ``slice`` and ``origin``. Without it, the first two columns are file and label, and there are no others. The
    separator is a comma, semicolon or tab. A byte order mark, UTF-16 with one, CRLF, and spaces or capitals in a label
    are accepted.

    Args:
        path: the table.
        labels: the allowed labels, in lower case.

    Raises:
        OSError: the table cannot be read.
        ValueError: the table is invalid; one sentence with the line and what to do.
    """
    rows: list[Row] = []
    columns: _Columns | None = None
    for line, cells in _lines(path, labels):
        place = f"{path}, line {line}"
        if columns is None:
            columns = _named(cells)
            if columns is not None:
                continue
            columns = _unnamed(cells, labels)
            if columns is None:
                raise ValueError(
                    f"{place}: these are neither the names of columns (file,label or file,expected) "
                    f"nor a file and its label ({', '.join(labels)}): begin the table with file,label"
                )
        file, label, part, origin = (cells[at] if at is not None and at < len(cells) else "" for at in columns)
        label = _normalised(label)
        if not file.strip() or "\0" in file:
            raise ValueError(f"{place}: this names no file: write file,label in each line")
        if label not in labels:
            raise ValueError(f"{place}: {label!r} is neither a label nor a reason: write {' or '.join(labels)}")
        rows.append(Row(file, label, place, _normalised(part), _normalised(origin)))
    if not rows:
        raise ValueError(f"{path} names no picture: begin it with the columns file,label and write a line for each")
    return rows


def _lines(path: Path, labels: Collection[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, each with its line number."""
    text = _text(path)
    delimiter = _delimiter(next((line for line in text.splitlines() if line.strip(f" {DELIMITERS}")), ""), labels)
    reader, begins_at = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins_at, cells
            begins_at = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}, line {begins_at}: this is no CSV ({error}): look for a stray quote") from error


def _delimiter(first: str, labels: Collection[str]) -> str:
    """The separator with which the first line makes sense, else a comma."""
    for delimiter in DELIMITERS:
        (cells,) = csv.reader([first], delimiter=delimiter)
        if _named(cells) or _unnamed(cells, labels):
            return delimiter
    return ","


def _text(path: Path) -> str:
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}: this is not {encoding}: save the table as CSV in UTF-8") from error


def _named(cells: Sequence[str]) -> _Columns | None:
    """The columns, if the line is a header."""
    names = [_normalised(cell) for cell in cells]
    label = next((name for name in LABEL if name in names), None)
    if FILE not in names or label is None:
        return None
    others = (names.index(name) if name in names else None for name in (SLICE, ORIGIN))
    return _Columns(names.index(FILE), names.index(label), *others)


def _unnamed(cells: Sequence[str], labels: Collection[str]) -> _Columns | None:
    """The columns, if the line is a row without a header."""
    return _Columns(0, 1) if len(cells) > 1 and _normalised(cells[1]) in labels else None


def _normalised(cell: str) -> str:
    return cell.strip().lower()
