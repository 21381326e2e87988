"""No run of ten lines stands in two files of the product: what is the same is there once."""

import ast
import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PRODUCT: Final = ("streams", "inference", "persistence", "deploy")
RUN_LINES: Final = 10


def counted(path: Path) -> list[tuple[int, str]]:
    """The lines that count, with their numbers: no imports, comments, blank lines or lone brackets."""
    text = path.read_text()
    imports = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if number not in imports)
    return [(number, line) for number, line in lines if any(map(str.isalnum, line)) and not line.startswith("#")]


def runs() -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Every run of ten lines, its file and where it begins."""
    for path in itertools.chain.from_iterable(Path(folder).rglob("*.py") for folder in PRODUCT):
        lines = counted(path)
        for at in range(len(lines) - RUN_LINES + 1):
            yield tuple(line for _, line in lines[at : at + RUN_LINES]), str(path), lines[at][0]


def test_no_run_of_ten_lines_stands_in_two_files() -> None:
    places: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for run, path, number in runs():
        places[run].setdefault(path, number)
    assert [found for found in places.values() if len(found) > 1] == []
