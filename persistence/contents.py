"""A summary of a database's contents: row counts and digests of the tables, and a digest of the schema."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

TABLES = ("classification_records", "image_rejections")

# The sum of 60 bits of each row's MD5: covers all values and ignores the order of rows. It detects damage and mistakes,
# not forgery. SETTINGS fixes the text form of the values.
DIGEST = """
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text FROM {} AS t
"""
SETTINGS = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET bytea_output = 'hex'; SET extra_float_digits = 1"

# Columns, constraints, indexes and views, as the server writes them. Constraints without casts and parentheses, since
# the server writes different ones after reading its own output.
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
    """Row count and digest of a table; the digest does not depend on the order of rows."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The tables by name, and the schema's SHA-256. Comparable between servers of the same major version."""

    tables: dict[str, TableContents]
    schema: str

    def differences(self, other: Contents) -> list[str]:
        """How the other differs, as sentences; empty if it does not."""
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
    """Summarise the database; reads both tables completely, in the caller's transaction. Raises psycopg's errors."""
    connection.execute(SETTINGS)
    tables = {}
    for name in TABLES:
        row = connection.execute(sql.SQL(DIGEST).format(sql.Identifier(name))).fetchone()
        assert row is not None, "an aggregate gives one row"
        tables[name] = TableContents(*row)
    lines = connection.execute(SCHEMA).fetchall()
    return Contents(tables, hashlib.sha256(repr(lines).encode()).hexdigest())


def count_rows(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[str, int]:
    """Row counts of those of petstream's tables that exist, by name. Raises psycopg's errors."""
    counts = {}
    for name in TABLES:
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
            assert row is not None, "an aggregate gives one row"
            counts[name] = row[0]
    return counts
