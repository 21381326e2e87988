"""Formats rejections: table rows, a page of text, or JSON. Keys are untrusted text."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from persistence.rejection_reads import Rejection
from streams.cli.fitting_table import Column
from streams.cli.message_tables import page, row, short
from streams.cli.records_table import json_line

COLUMNS: Final = (
    *(Column("uploaded_at"), Column("reason"), Column("user_name", folds=True)),
    *(Column("object", folds=True), Column("detail", folds=True)),
)


def table_rows(rejections: Iterable[Rejection]) -> Iterator[tuple[str, ...]]:
    """Printable cells under ``COLUMNS``; superseded rejections are marked."""
    for each in rejections:
        reason = each.reason if each.stands else f"({each.reason})"
        yield row(each.timestamp, reason, each.user_name, each.image_url or each.id, short(each.detail))


def fields(rejection: Rejection) -> dict[str, Any]:
    """All fields except the upload event, with the names of the contract (``ImageRejected``)."""
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
    """One JSON object on a line."""
    return json_line(fields(rejection))


def json_document(rejection: Rejection) -> str:
    """One JSON object on a line, with ``upload_event`` as base64."""
    return json_line(fields(rejection) | {"upload_event": rejection.upload_event})


def described(rejection: Rejection) -> Iterator[str]:
    """Printable lines: all fields, then the upload event."""
    return page(fields(rejection), "upload_event", rejection.upload_event or b"")
