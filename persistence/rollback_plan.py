"""Lists the data that a rollback would destroy: reads the rollback files and counts rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from persistence.manifest import ROLLBACK, migrations_folder
from persistence.migrate import resolve, status
from persistence.yoyo_backend import connect, translated_psycopg_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from persistence.pool import DatabaseConfig

_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_DROP_TABLE = re.compile(r"\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_ALTER_TABLE = re.compile(r"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_DROP_COLUMN = re.compile(r"\bDROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Loss:
    """A table or column that a rollback drops; ``rows``: rows of the table, or rows with a value in the column."""

    migration_id: str
    table: str
    column: str | None
    rows: int

    def __str__(self) -> str:
        what = f"column {self.table}.{self.column}" if self.column else f"table {self.table}"
        return f"{what} ({self.rows:,} rows)"


def plan_down(config: DatabaseConfig, to: str, *, folder: Path | None = None) -> list[Loss]:
    """
    The data that ``migrate.down(config, to)`` would destroy, in order; empty if none.

    Raises:
        MisconfiguredDatabase: no such migration, or the database cannot be read.
        TransientPersistenceError: the database cannot be reached.
    """
    folder = folder or migrations_folder()
    last = resolve(to, folder)
    undone = [m.id for m in reversed(status(config, folder=folder)) if m.applied and m.id > last]
    with translated_psycopg_errors(), connect(config) as connection:
        return [
            Loss(id_, table, column, _count(connection, table, column))
            for id_ in undone
            if (folder / f"{id_}{ROLLBACK}").exists()
            for table, column in dropped_by((folder / f"{id_}{ROLLBACK}").read_text("utf-8"))
        ]


def dropped_by(rollback: str) -> Iterator[tuple[str, str | None]]:
    """The tables (column None) and columns that a rollback file drops, in order."""
    for statement in _COMMENT.sub("", rollback).split(";"):
        for table in _DROP_TABLE.findall(statement):
            yield table, None
        if altered := _ALTER_TABLE.search(statement):
            for column in _DROP_COLUMN.findall(statement):
                yield altered[1], column


def _count(connection: psycopg.Connection[tuple[object, ...]], table: str, column: str | None) -> int:
    counted = sql.SQL("count({})").format(sql.Identifier(column)) if column else sql.SQL("count(*)")
    row = connection.execute(sql.SQL("SELECT {} FROM {}").format(counted, sql.Identifier(table))).fetchone()
    assert row is not None, "an aggregate gives one row"
    count = row[0]
    assert isinstance(count, int)
    return count
