from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.errors import PermanentPersistenceError
from persistence.records import ClassificationRecord, InvalidRecord, RejectionRecord, to_confidence

Classification = Callable[..., ClassificationRecord]
Rejection = Callable[..., RejectionRecord]


def test_a_record_is_frozen(classification: Classification) -> None:
    with pytest.raises(FrozenInstanceError):
        classification().user_name = "eve"  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "b1946ac9"),
        ("user_name", None),
        ("user_name", "a" * 256),
        ("image_url", "a\0b"),
        ("image_url", "\udfff"),
        ("classification", "bird"),
        ("classification", None),
        ("confidence", 0.5),
        ("confidence", Decimal("1.0001")),
        ("confidence", Decimal("-0.0001")),
        ("confidence", Decimal("0.00005")),
        ("confidence", Decimal("NaN")),
        ("processing_time", -1),
        ("processing_time", 2**31),
        ("processing_time", 1.5),
        ("timestamp", datetime(2026, 3, 1)),  # noqa: DTZ001 - naive on purpose
        ("timestamp", "2026-03-01T12:00:00Z"),
        ("timestamp", datetime.max.replace(tzinfo=UTC)),  # the driver's infinity
        ("timestamp", datetime.min.replace(tzinfo=UTC)),
        ("timestamp", datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))),  # no moment in UTC
        ("user_name", ""),
        ("trace_id", "A" * 32),
        ("trace_id", "1" * 31),
        ("trace_id", 1),
        ("source_bucket", None),
        ("source_key", None),
        ("source_version_id", 7),
        ("source_sequencer", "0" * 63),
        ("source_sequencer", "a" * 64),
        ("source_sequencer", "0" * 64 + "\n"),
        ("source_sequencer", None),
        ("model_version", None),
        ("model_rev", -1),
        ("model_rev", 2**31),
    ],
)
def test_a_classification_that_does_not_fit_its_table_does_not_exist(
    classification: Classification, column: str, value: Any
) -> None:
    with pytest.raises(InvalidRecord) as error:
        classification(**{column: value})
    assert error.value.column == column
    assert isinstance(error.value, PermanentPersistenceError)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("reason", "boredom"),
        ("detail", None),
        ("upload_event", "text"),
        ("upload_event", None),
        ("source_key", None),
        ("user_name", ""),
        ("user_name", "a" * 256),
        ("timestamp", None),
        ("timestamp", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_rejection_that_does_not_fit_its_table_does_not_exist(rejection: Rejection, column: str, value: Any) -> None:
    with pytest.raises(InvalidRecord) as error:
        rejection(**{column: value})
    assert error.value.column == column


def test_only_a_malformed_event_names_no_object(rejection: Rejection) -> None:
    assert rejection(source_bucket=None, source_key=None, reason="malformed_event").source_key is None
    with pytest.raises(InvalidRecord, match="malformed"):
        rejection(source_bucket=None, source_key=None, reason="missing")


@given(st.floats(0, 1))
def test_a_probability_is_rounded_once_to_the_columns_four_decimals(probability: float) -> None:
    confidence = to_confidence(probability)
    assert abs(confidence - Decimal(probability)) <= Decimal("0.00005")
    assert confidence.as_tuple().exponent == -4
    assert 0 <= confidence <= 1


@pytest.mark.parametrize("value", [-0.0001, 1.0001, float("nan"), float("inf")])
def test_what_is_no_probability_is_no_confidence(value: float) -> None:
    with pytest.raises(InvalidRecord):
        to_confidence(value)
