"""W3C Trace Context, the header ``traceparent``: which trace a message belongs to. Pure, but for fresh random ids."""

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
    """A new trace. It says sampled, so that whoever records traces further on records this one."""
    return Trace(secrets.token_hex(16), secrets.token_hex(8))


def parse(value: str) -> Trace | None:
    """
    The place that a header's value names, or None for what is no such value: a receiver then starts a new trace.

    Source: W3C Trace Context, section 3.2.2 and 4.3: a later version's value is read as far as version 00 goes.
    """
    found = _FORM.fullmatch(value)
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    return Trace(found[2], found[3], found[4])


def carried(headers: Iterable[tuple[str, bytes | None]]) -> Trace | None:
    """
    The trace that a message's headers carry; None where there is none, or none that can be read.

    The first ``traceparent`` with a value counts. Kafka allows a header without one: it is a missing header.
    """
    for name, value in headers:
        if name == TRACEPARENT and value is not None:
            return parse(value.decode("ascii", "replace"))
    return None
