"""
The rows of both tables as validated values; fields are columns. Pure.

Records are validated before any statement, so that a batch does not fail for a foreseeable reason. PostgreSQL accepts
whatever these checks accept; the tables' constraints stay as a second check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import UUID

from persistence.errors import PermanentPersistenceError

LABELS = frozenset({"cat", "dog"})
REASONS_BY_PROGRESS = (
    *("malformed_event", "too_many_bytes", "failed", "unavailable", "forbidden", "missing", "no_user"),
    *("unsupported_format", "too_many_pixels", "decoder_crashed", "undecodable", "not_a_pet"),
)
"""In the order of the checks: a rejection for a later reason passed all earlier checks."""
REASONS = frozenset(REASONS_BY_PROGRESS)
INFINITE = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})
"""The two times that asyncpg writes as -infinity and infinity, and reads back without a time zone."""
SEQUENCER_DIGITS = 64
NO_SEQUENCER = "0" * SEQUENCER_DIGITS  # sorts before every real one
USER_NAME_CHARS = 255
INTEGER_MAX = 2**31 - 1
CONFIDENCE_STEP = Decimal("0.0001")  # DECIMAL(5,4)
_SEQUENCER = re.compile(rf"[0-9A-F]{{{SEQUENCER_DIGITS}}}")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


class InvalidRecord(PermanentPersistenceError):  # noqa: N818 - the name says what happened
    """A value does not fit its column."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column} {problem}")
        self.column = column


def to_confidence(probability: float) -> Decimal:
    """
    The probability rounded to the column's four decimals, half to even.

    A float would be rounded twice, to 15 digits by the cast and to 4 by the column, so the stored value could differ
    from the published one.

    Args:
        probability: 0..1.

    Raises:
        InvalidRecord: it is NaN or outside 0..1.
    """
    exact = Decimal(probability)
    if exact.is_nan() or not 0 <= exact <= 1:
        raise InvalidRecord("confidence", "is not within 0..1")
    return exact.quantize(CONFIDENCE_STEP, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationRecord:
    """
    One row of ``classification_records``: the newest known label of one object.

    ``id`` is the object's id, the same in both tables. ``confidence`` has at most four decimals (``to_confidence``).
    ``processing_time`` is in milliseconds. ``timestamp`` is the time of the upload. ``source_sequencer`` has 64
    upper-case hexadecimal digits, padded on the right; one padded on the left is converted. ``trace_id`` is W3C Trace
    Context's.

    Raises:
        InvalidRecord: a value does not fit its column.
    """

    id: UUID
    user_name: str
    image_url: str
    classification: str
    confidence: Decimal
    processing_time: int
    timestamp: datetime
    source_bucket: str
    source_key: str
    source_version_id: str | None = None
    source_etag: str | None = None
    source_sequencer: str = NO_SEQUENCER
    model_name: str
    model_version: str
    model_rev: int
    trace_id: str | None = None

    def __post_init__(self) -> None:
        _check_text(self, "user_name", "image_url", "source_bucket", "source_key", "model_name", "model_version")
        _check_text(self, "source_version_id", "source_etag", "trace_id", optional=True)
        _check_shared(self)
        if self.classification not in LABELS:
            raise InvalidRecord("classification", f"is none of {', '.join(sorted(LABELS))}")
        _check_confidence(self.confidence)
        _check_integer(self, "processing_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionRecord:
    """
    One row of ``image_rejections``: why one object got no label.

    ``source_bucket`` and ``source_key`` are both None if the event names no object (``malformed_event``), else both are
    set. ``upload_event`` is the message as received, for a replay. ``source_sequencer``: see ClassificationRecord.

    Raises:
        InvalidRecord: a value does not fit its column.
    """

    id: UUID
    user_name: str | None = None
    image_url: str | None = None
    reason: str
    detail: str = ""
    timestamp: datetime
    source_bucket: str | None = None
    source_key: str | None = None
    source_version_id: str | None = None
    source_etag: str | None = None
    source_sequencer: str = NO_SEQUENCER
    model_name: str | None = None
    model_version: str | None = None
    model_rev: int = 0
    upload_event: bytes
    trace_id: str | None = None

    def __post_init__(self) -> None:
        optional = ("user_name", "image_url", "source_bucket", "source_key", "source_version_id", "source_etag")
        _check_text(self, *optional, "model_name", "model_version", "trace_id", optional=True)
        _check_text(self, "detail")
        _check_shared(self)
        if self.reason not in REASONS:
            raise InvalidRecord("reason", "is not in the closed set")
        if (self.source_bucket is None) != (self.source_key is None):
            raise InvalidRecord("source_key", "and source_bucket are given together or not at all")
        if self.source_bucket is None and self.reason != "malformed_event":
            raise InvalidRecord("source_bucket", "is missing, which only a malformed event may")
        if not isinstance(self.upload_event, bytes):
            raise InvalidRecord("upload_event", "is not bytes")


Record = ClassificationRecord | RejectionRecord


def _check_shared(record: Record) -> None:
    if record.user_name == "":
        raise InvalidRecord("user_name", "is empty")
    if record.user_name is not None and len(record.user_name) > USER_NAME_CHARS:
        raise InvalidRecord("user_name", f"is longer than {USER_NAME_CHARS} characters")
    if not isinstance(record.id, UUID):
        raise InvalidRecord("id", "is not a UUID")
    timestamp: object = record.timestamp
    if not isinstance(timestamp, datetime) or timestamp.utcoffset() is None:
        raise InvalidRecord("timestamp", "is not an aware datetime")
    _check_moment(timestamp)
    _check_text(record, "source_sequencer")
    if not _SEQUENCER.fullmatch(record.source_sequencer):
        raise InvalidRecord("source_sequencer", "is not 64 upper-case hexadecimal digits")
    if record.source_sequencer.startswith("0"):
        right_padded = record.source_sequencer.lstrip("0").ljust(SEQUENCER_DIGITS, "0")
        object.__setattr__(record, "source_sequencer", right_padded)  # the only write to the frozen record
    if record.trace_id is not None and not _TRACE_ID.fullmatch(record.trace_id):
        raise InvalidRecord("trace_id", "is not 32 lower-case hexadecimal digits")
    _check_integer(record, "model_rev")


def _check_moment(timestamp: datetime) -> None:
    try:
        moment = timestamp.astimezone(UTC)  # as asyncpg sends it
    except OverflowError as error:
        raise InvalidRecord("timestamp", "is not within the years 1 to 9999 in UTC") from error
    if moment in INFINITE:
        raise InvalidRecord("timestamp", "is what the driver writes as infinity")


def _check_confidence(value: object) -> None:
    if not isinstance(value, Decimal) or value.is_nan() or not 0 <= value <= 1:
        raise InvalidRecord("confidence", "is not a Decimal within 0..1")
    if value != value.quantize(CONFIDENCE_STEP):
        raise InvalidRecord("confidence", "has more than four decimals")


def _check_text(record: Record, *columns: str, optional: bool = False) -> None:
    for column in columns:
        value = getattr(record, column)
        if value is None and optional:
            continue
        if not isinstance(value, str):
            raise InvalidRecord(column, "is not text")
        if "\0" in value:
            raise InvalidRecord(column, "holds a NUL, which PostgreSQL's text cannot")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidRecord(column, "holds a lone surrogate, which UTF-8 cannot") from error


def _check_integer(record: Record, column: str) -> None:
    value = getattr(record, column)
    if not isinstance(value, int) or not 0 <= value <= INTEGER_MAX:
        raise InvalidRecord(column, f"is not within 0..{INTEGER_MAX}")
