"""Options that several commands share, and parsing of times and object names."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from streams.cli.console import misuse
from streams.contracts.identity import image_id

AsJson = Annotated[bool, typer.Option("--json", help="for programs: one JSON document on stdout")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="for programs: one JSON object a line")]
Rate = Annotated[float | None, typer.Option(min=0.001, help="messages a second, at most; default: no limit")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say what would be published")]
Yes = Annotated[bool, typer.Option("--yes", help="also where nothing narrows it down")]


def moment(text: str | None) -> datetime | None:
    """Parse ISO 8601 to an aware datetime, UTC without an offset. Other text ends the command with exit code 2."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        misuse("A time is written like 2026-03-01 or 2026-03-01T12:00:00+01:00.")
    return parsed if parsed.utcoffset() is not None else parsed.replace(tzinfo=UTC)


def object_id(named: str) -> UUID:
    """The id of an object, from its id or URL. Other text ends the command with exit code 2."""
    scheme, separator, rest = named.partition("://")
    bucket, slash, key = rest.partition("/")
    if scheme == "s3" and separator and bucket and slash and key:
        return image_id(bucket, key)
    try:
        return UUID(named)
    except ValueError:
        misuse("An object is named by its id or as s3://bucket/key.")
