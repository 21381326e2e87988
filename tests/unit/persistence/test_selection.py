import contextlib
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.keyset import ConfidenceCursor
from persistence.selection import COLUMNS, Cursor, InvalidSelection, Selection, page_statement

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_survives_its_text_and_the_text_a_url(moment: datetime, id_: uuid.UUID) -> None:
    text = Cursor(moment, id_).to_text()
    assert len(text) == 32
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert Cursor.from_text(text) == (moment, id_)


@given(st.decimals(0, 1, places=4), st.uuids())
def test_a_cursor_by_confidence_survives_its_text_and_belongs_to_its_order(confidence: Decimal, id_: uuid.UUID) -> None:
    text = ConfidenceCursor(confidence, id_).to_text()
    assert Selection(order="least_sure").cursor(text) == (confidence, id_)
    with pytest.raises(InvalidSelection):
        Selection().cursor(text)
    with pytest.raises(InvalidSelection):
        Selection(order="least_sure").cursor(Cursor(NOON, id_).to_text())


@given(st.text(max_size=40))
def test_any_other_text_is_a_cursor_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidSelection):
        assert Cursor.from_text(text).to_text() == text


def test_a_cursor_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidSelection):
        Cursor.from_text("f" * 32)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": ("id; DROP TABLE classification_records",)},
        {"columns": ()},
        {"columns": ("id", "id")},
        {"outcome": "bird"},
        {"reason": "bored"},
        {"reason": "missing", "outcome": "cat"},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001  # naive on purpose
        {"since": NOON, "until": NOON},
        {"confidence_below": Decimal(0)},
        {"confidence_below": Decimal("1E-99999")},  # PostgreSQL has no such number
        {"confidence_below": Decimal("1.01")},
        {"confidence_below": Decimal("NaN")},
        {"confidence_below": Decimal("0.9"), "reason": "not_a_pet"},
        {"confidence_below": Decimal("0.9"), "outcome": "rejected"},
        {"order": "confidence; DROP TABLE classification_records"},
        {"order": "least_sure", "outcome": "rejected"},
        {"order": "least_sure", "reason": "not_a_pet"},
    ],
)
def test_what_cannot_be_selected_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSelection):
        Selection(**wrong)


def test_no_value_becomes_part_of_the_statement() -> None:
    hostile = "ann'; DELETE FROM classification_records; --"
    selection = Selection(user_name=hostile, outcome="cat", since=NOON, until=NOON + timedelta(days=1))
    statement, values = page_statement(selection, Cursor(NOON, uuid.UUID(int=1)), 5)
    assert "DELETE" not in statement
    assert "'" not in statement
    assert values == [5, hostile, "cat", NOON, NOON + timedelta(days=1), NOON, uuid.UUID(int=1)]
    assert all(f"${n}" in statement for n in range(1, len(values) + 1))


def test_a_statement_asks_for_the_wanted_columns_and_the_key_only() -> None:
    statement, _ = page_statement(Selection(columns=("outcome",)), None, 5)
    assert "SELECT outcome, timestamp, id FROM" in statement
    assert not [column for column in COLUMNS if column in statement and column not in ("outcome", "timestamp", "id")]


@pytest.mark.parametrize(("below", "is_proven"), [("0.5", True), ("0.9", True), ("0.91", False), ("1", False)])
def test_a_plan_for_any_parameter_can_use_the_index_of_unsure_records(below: str, is_proven: bool) -> None:  # noqa: FBT001
    statement, values = page_statement(Selection(confidence_below=Decimal(below)), None, 5)
    assert values == [5, Decimal(below)]
    assert "confidence < $2" in statement
    assert ("confidence < 0.9" in statement) == is_proven
    assert "current_rejections" not in statement
