"""How rejections are written: rows and a page of text for people, JSON for programs. Keys are other people's text."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from persistence.rejection_reads import Rejection
from streams.cli.fitting_table import Column
from streams.cli.records_table import json_lines, shown
from streams.runtime.printable import printable

COLUMNS: Final = (
    *(Column("uploaded_at"), Column("reason"), Column("user_name", folds=True)),
    *(Column("object", folds=True), Column("detail", folds=True)),
)
DETAIL_CHARS: Final = 80
"""Of the detail in a row; ``show`` has it whole."""


def table_rows(rejections: Iterable[Rejection]) -> Iterator[tuple[str, ...]]:
    """Printable cells under ``COLUMNS``; what no longer stands says so."""
    for each in rejections:
        reason = each.reason if each.stands else f"({each.reason})"
        named = each.image_url or str(each.id)
        yield tuple(
            printable(cell) for cell in (shown(each.timestamp), reason, each.user_name, named, _short(each.detail))
        )


def fields(rejection: Rejection) -> dict[str, Any]:
    """All but the upload event, under the names of the contract (``ImageRejected``)."""
    return {
        "id": rejection.id,
        "user_name": rejection.user_name,
        "image_url": rejection.image_url,
        "bucket": rejection.source_bucket,
        "key": rejection.source_key,
        "version_id": rejection.source_version_id,
        "etag": rejection.source_etag,
        "sequencer": rejection.source_sequencer,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "uploaded_at": rejection.timestamp,
        "model_name": rejection.model_name,
        "model_version": rejection.model_version,
        "model_rev": rejection.model_rev,
        "stands": rejection.stands,
        "stored_at": rejection.updated_at,
        "trace_id": rejection.trace_id,
    }


def json_row(rejection: Rejection) -> str:
    """One object on a line."""
    values = fields(rejection)
    return json_lines(tuple(values), [tuple(values.values())])


def json_document(rejection: Rejection) -> str:
    """One object on a line with ``upload_event``: base64 of its bytes."""
    values = fields(rejection) | {"upload_event": rejection.upload_event}
    return json_lines(tuple(values), [tuple(values.values())])


def described(rejection: Rejection) -> Iterator[str]:
    """Printable lines: every field, then the upload event, indented where it is JSON."""
    for name, value in fields(rejection).items():
        yield f"{name:13} {printable(value)}"
    yield f"upload_event  {len(rejection.upload_event or b''):,} bytes"
    yield from (f"  {line}" for line in pretty(rejection.upload_event or b""))


def pretty(body: bytes) -> list[str]:
    """The bytes of a message as printable lines, indented where they are JSON."""
    with suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.format(body, indent=2)  # keeps everything, doubled names too
    return [printable(line) for line in body.decode(errors="backslashreplace").split("\n")]


def _short(text: str) -> str:
    return text if len(text) <= DETAIL_CHARS else f"{text[: DETAIL_CHARS - 1]}…"
