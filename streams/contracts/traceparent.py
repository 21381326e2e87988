"""The W3C Trace Context header ``traceparent``. Pure, except for new random ids."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"
SAMPLED: Final = "01"

_FORM: Final = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """
    A place in a trace: ``trace_id`` has 32 lower-case hexadecimal digits, ``span_id`` 16, ``flags`` 2, and neither id
    is all zeros.
    """

    trace_id: str
    span_id: str
    flags: str = SAMPLED

    @property
    def header(self) -> str:
        """The header's value, 55 characters."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def fresh() -> Trace:
    """A new trace. It is marked as sampled, so that downstream services that record traces record it."""
    return Trace(secrets.token_hex(16), secrets.token_hex(8))


def parse(value: str) -> Trace | None:
    """
    Parse a header's value; None if it is invalid: a receiver then starts a new trace.

    Source: W3C Trace Context, sections 3.2.2 and 4.3: the value of a later version is parsed as version 00.
    """
    found = _FORM.fullmatch(value)
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    return Trace(found[2], found[3], found[4])


def carried(headers: Iterable[tuple[str, bytes | None]]) -> Trace | None:
    """
    The trace in a message's headers; None if it is missing or invalid.

    The first ``traceparent`` with a value counts. Kafka allows headers without a value; those count as missing.
    """
    for name, value in headers:
        if name == TRACEPARENT and value is not None:
            return parse(value.decode("ascii", "replace"))
    return None
