import io
import re

import pytest
from rich.console import Console

from streams.cli.fitting_table import Column, fitting, tabbed

COLUMNS = (Column("id"), Column("object", folds=True), Column("detail", folds=True), Column("count", right=True))
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
KEY = "s3://pictures/uploads/" + "".join(f"{number:04}" for number in range(200))


def written(width: int, *cells: object) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width, force_terminal=False).print(fitting(COLUMNS, [cells]), highlight=False)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 200])
def test_a_key_of_a_thousand_characters_goes_on_in_further_lines_and_loses_none(width: int) -> None:
    lines = written(width, ID, KEY, "why", 7)
    assert all(len(line) <= width for line in lines)
    start = lines[0].index("object")
    end = lines[0].index("detail")
    assert "".join(line[start:end].strip() for line in lines[1:]) == KEY


@pytest.mark.parametrize("width", [80, 200])
def test_what_names_a_row_is_never_cut(width: int) -> None:
    assert ID in written(width, ID, KEY, "because of that " * 20, 7)[1]


def test_a_wide_place_keeps_every_row_on_one_line() -> None:
    assert len(written(10_000, ID, KEY, "why", 7)) == 2


def test_other_peoples_text_neither_drives_the_terminal_nor_is_markup() -> None:
    said = " ".join(written(200, ID, "\x1b[2J[bold]a\nb\u202e[/]", "", 1))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert re.search(r"\\u001b\[2J\[bold\]a\\u000ab\\u202e\[/\]", said)


def test_in_a_pipe_cells_have_tabs_between_them_and_no_padding() -> None:
    table = fitting(COLUMNS, [[ID, KEY, "", 7], ["a", "b\tc", "d", None]])
    assert list(tabbed(table)) == ["id\tobject\tdetail\tcount", f"{ID}\t{KEY}\t\t7", "a\tb\\u0009c\td\t"]
