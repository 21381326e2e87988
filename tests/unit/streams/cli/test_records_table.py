import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.cli.records_table import csv_text, json_lines, shown
from streams.runtime.printable import printable

ESCAPE = "\x1b]0;owned\x07\x9b31m"
RIGHT_TO_LEFT = "cat\u202egpj.exe"


@pytest.mark.parametrize("hostile", [ESCAPE, RIGHT_TO_LEFT, "a\nb", "a\rb", "\u2028", "\x00", "\x7f", "\ufeff"])
def test_hostile_text_cannot_drive_the_terminal(hostile: str) -> None:
    assert "\\u" in printable(hostile)
    for text in (printable(hostile), csv_text(["a"], [[hostile]]).replace("\r\n", ""), json_lines(["a"], [[hostile]])):
        assert all(char.isprintable() or char == "\n" for char in text)


def test_ordinary_names_of_any_language_stay_as_they_are() -> None:
    for name in ("Zoë", "李雷", "محمد", "O'Brien [ann]", "ann@example.org", "🐈"):
        assert printable(name) == name


@given(st.text(), st.text())
@example("\x1b", r"\u001b")
@example("\\\x1b", r"\\u001b")
@example("\\", "\\\\")
def test_two_names_never_look_the_same(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) is (one == other)


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")'])
def test_a_spreadsheet_takes_no_uploaders_text_for_a_formula(formula: str) -> None:
    (_, (cell,)) = csv.reader(io.StringIO(csv_text(["user_name"], [[formula]])))
    assert cell == f"'{formula}"


def test_csv_quotes_what_would_break_its_rows() -> None:
    written = csv_text(["user_name", "confidence"], [['a,"b"', Decimal("0.9000")], [None, None]])
    assert list(csv.reader(io.StringIO(written))) == [["user_name", "confidence"], ['a,"b"', "0.9000"], ["", ""]]


def test_json_keeps_the_types_and_gives_one_object_a_line() -> None:
    row = (UUID(int=1), datetime(2026, 3, 1, tzinfo=UTC), Decimal("0.9876"), None)
    lines = json_lines(["id", "timestamp", "confidence", "reason"], [row, row]).splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        "id": "00000000-0000-0000-0000-000000000001",
        "timestamp": "2026-03-01T00:00:00Z",
        "confidence": 0.9876,
        "reason": None,
    }


@given(st.text())
def test_json_loses_nothing_of_any_text(text: str) -> None:
    assert json.loads(json_lines(["a"], [[text]])) == {"a": text}


def test_a_time_has_one_format_in_a_table_and_keeps_its_fraction_in_csv() -> None:
    time = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
    assert shown(time) == "2026-03-01T12:00:00Z"
    assert csv_text(["timestamp"], [[time]]).split() == ["timestamp", "2026-03-01T12:00:00.250000Z"]
