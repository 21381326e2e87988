"""The one format in which the commands print a time. It is RFC 3339, as in JSON, and ``--since`` reads it. Pure."""

from datetime import UTC, datetime


def utc_text(moment: datetime) -> str:
    """An aware time in UTC, to the second: 2026-03-01T12:00:00Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
