"""
Keyset pagination: the orders of pages, and the cursors that say where the next page starts. Pure.

Text in a statement (columns, conditions) comes from closed sets; values are parameters.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from persistence.errors import InvalidSelection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = struct.Struct(">q16s")
_CONFIDENCE_CURSOR = struct.Struct(">H16s")
_CONFIDENCE_STEPS = 10_000  # DECIMAL(5,4)


class Order(NamedTuple):
    """The columns of the key, and whether the greatest key comes first."""

    key: tuple[str, str]
    descends: bool

    def clause(self, prefix: str = "") -> str:
        """ORDER BY the key; ``prefix``: of the columns, such as "r."."""
        return "ORDER BY " + ", ".join(f"{prefix}{column} {'DESC' if self.descends else 'ASC'}" for column in self.key)

    def beyond(self, first: str, second: str) -> str:
        """The condition for rows of the table r after the key of these two parameters."""
        sign = "<" if self.descends else ">"
        one, two = (f"r.{column}" for column in self.key)
        # The condition on the first column alone bounds the scan of an index without the id.
        return f"{one} {sign}= {first} AND ({one}, {two}) {sign} ({first}, {second})"


NEWEST, OLDEST, LEAST_SURE = "newest", "oldest", "least_sure"
ORDERS: Final = {
    NEWEST: Order(("timestamp", "id"), descends=True),
    OLDEST: Order(("timestamp", "id"), descends=False),
    LEAST_SURE: Order(("confidence", "id"), descends=False),
}
TIME_ORDERS: Final = (NEWEST, OLDEST)


class Cursor(NamedTuple):
    """The key of a page's last row; the next page starts after it."""

    timestamp: datetime
    id: UUID

    def to_text(self) -> str:
        """32 characters, safe in a URL and on a command line, though the first may be a dash."""
        microseconds = (self.timestamp - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(_CURSOR.pack(microseconds, self.id.bytes)).decode()

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """
        Parse the result of ``to_text``.

        Raises:
            InvalidSelection: the text is not a cursor.
        """
        try:
            microseconds, id_ = _CURSOR.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
            return cls(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_))
        except (binascii.Error, ValueError, struct.error, OverflowError) as error:
            raise InvalidSelection("the cursor is not one that a page ended with") from error


class ConfidenceCursor(NamedTuple):
    """The key of the last row of a page that is sorted by confidence."""

    confidence: Decimal
    id: UUID

    def to_text(self) -> str:
        """24 characters, safe in a URL."""
        return base64.urlsafe_b64encode(
            _CONFIDENCE_CURSOR.pack(int(self.confidence * _CONFIDENCE_STEPS), self.id.bytes)
        ).decode()

    @classmethod
    def from_text(cls, text: str) -> ConfidenceCursor:
        """
        Parse the result of ``to_text``.

        Raises:
            InvalidSelection: the text is not such a cursor.
        """
        try:
            steps, id_ = _CONFIDENCE_CURSOR.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, struct.error) as error:
            raise InvalidSelection("the cursor is not one that a page ended with") from error
        return cls(Decimal(steps) / _CONFIDENCE_STEPS, UUID(bytes=id_))


AnyCursor = Cursor | ConfidenceCursor
