"""Formats the migrations: a table, or a JSON document. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from streams.cli.fitting_table import Column, fitting
from streams.runtime.utc import utc_text

if TYPE_CHECKING:
    from persistence.migrate import Migration


def table(found: "Sequence[Migration]") -> Table:
    """One row for each migration, with its uncut id and the first sentence of its description."""
    columns = (Column("migration"), Column("applied"), Column("what it does", folds=True))
    return fitting(columns, ((each.id, _state(each), _sentence(each)) for each in found))


def document(found: "Sequence[Migration]") -> dict[str, Any]:
    """``current`` is true if all migrations are applied and none was edited."""
    migrations = [
        {
            "id": each.id,
            "applied": each.applied,
            "edited": not each.checksum_ok,
            "description": each.description,
        }
        for each in found
    ]
    return {"current": all(each.applied and each.checksum_ok for each in found), "migrations": migrations}


def _sentence(each: "Migration") -> str:
    first, stop, rest = each.description.partition(". ")
    return f"{first}{stop.strip()}" if rest else first


def _state(each: "Migration") -> str:
    if not each.checksum_ok:
        return "edited"
    return utc_text(each.applied) if each.applied else "missing"
