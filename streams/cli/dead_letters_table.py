"""Formats dead letters: table rows, a page of text, or JSON. Keys are untrusted text."""

from collections.abc import Iterator
from typing import Any, Final

from streams.cli.fitting_table import Column
from streams.cli.message_tables import page, row, short
from streams.cli.records_table import json_line
from streams.contracts import ImageClassified
from streams.replay.letters import Letter

COLUMNS: Final = (
    *(Column("position"), Column("failed_at"), Column("outcome"), Column("error", folds=True)),
    *(Column("object", folds=True), Column("detail", folds=True)),
)


def table_row(found: Letter) -> tuple[str, ...]:
    """Printable cells under ``COLUMNS``."""
    values = fields(found)
    named = values["image_url"] or values["id"]
    return row(found.position, values["failed_at"], values["outcome"], found.error, named, short(found.letter.detail))


def fields(found: Letter) -> dict[str, Any]:
    """All fields except the event's bytes. Fields of the event are None if it cannot be decoded."""
    letter, result = found.letter, found.result
    label = result.classification if isinstance(result, ImageClassified) else result and result.reason
    return {
        "position": str(found.position),
        "id": letter.id,
        "failed_at": letter.failed_at,
        "sqlstate": letter.sqlstate,
        "constraint": letter.constraint,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "outcome": label,
        "user_name": result and result.user_name,
        "image_url": result and result.image_url,
        "uploaded_at": result and result.uploaded_at,
    }


def json_row(found: Letter) -> str:
    """One JSON object on a line."""
    return json_line(fields(found))


def json_document(found: Letter) -> str:
    """One JSON object on a line, with ``event`` as base64."""
    return json_line(fields(found) | {"event": found.letter.event})


def described(found: Letter) -> Iterator[str]:
    """Printable lines: every field, then the event."""
    return page(fields(found), "event", found.letter.event)
