"""What a database holds, in a few figures: rows and a digest per table, and a digest of the schema."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

TABLES = ("classification_records", "image_rejections")

# Every value of a row takes part, and the order of the rows does not: 60 bits of each row's MD5 are added up. This
# finds damage and mistakes, it is no defence against forgery. The settings that shape a row's text are made before.
DIGEST = """
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text FROM {} AS t
"""
SETTINGS = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; SET extra_float_digits = 1"

# Columns, constraints, indexes and views, as the server itself writes them; constraints without casts and parentheses,
# of which the server writes others once it has read its own text.
SCHEMA = r"""
SELECT 'column', table_name || '.' || column_name,
       concat_ws(' ', data_type, character_maximum_length, numeric_precision, numeric_scale, is_nullable,
                 column_default, collation_name)
  FROM information_schema.columns WHERE table_schema = current_schema()
 UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname,
       regexp_replace(pg_get_constraintdef(oid), '::(character varying|text)(\[\])?|[()]', '', 'g') || convalidated
  FROM pg_constraint
 WHERE connamespace = current_schema()::regnamespace AND contype <> 'n' -- NOT NULL: among the columns, named since 18
 UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
 UNION ALL
SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = current_schema()
 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class TableContents:
    """``digest`` is equal for equal rows in any order."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Both tables by name, and the schema's SHA-256. Comparable between servers of one major version."""

    tables: dict[str, TableContents]
    schema: str

    def differences(self, other: Contents) -> list[str]:
        """In which way the other differs from this, in sentences; empty where it does not."""
        found = []
        for name, table in self.tables.items():
            theirs = other.tables[name]
            if table.rows != theirs.rows:
                found.append(f"{name} has {theirs.rows:,} rows instead of {table.rows:,}")
            elif table.digest != theirs.digest:
                found.append(f"{name} has as many rows, but not the same")
        if self.schema != other.schema:
            found.append("the schema differs")
        return found


def read_contents(connection: psycopg.Connection[tuple[Any, ...]]) -> Contents:
    """Reads both tables whole, in the caller's transaction. Raises psycopg's errors."""
    connection.execute(SETTINGS)
    tables = {}
    for name in TABLES:
        row = connection.execute(sql.SQL(DIGEST).format(sql.Identifier(name))).fetchone()
        assert row is not None, "an aggregate gives one row"
        tables[name] = TableContents(*row)
    lines = connection.execute(SCHEMA).fetchall()
    return Contents(tables, hashlib.sha256(repr(lines).encode()).hexdigest())


def count_rows(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[str, int]:
    """Rows of those of our tables that exist, by name. Raises psycopg's errors."""
    counts = {}
    for name in TABLES:
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
            assert row is not None, "an aggregate gives one row"
            counts[name] = row[0]
    return counts
