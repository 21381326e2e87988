"""
Backs up and restores a development database with pg_dump and pg_restore, and verifies dumps by a manifest.

Production uses Aurora's snapshots and point-in-time recovery; this is for small databases. ``FILE.manifest.json`` has
the SHA-256 of the dump ``FILE``, and the contents of the snapshot that was dumped.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from persistence.contents import Contents, TableContents, count_rows, read_contents
from persistence.errors import PersistenceError
from persistence.manifest import migrations_folder
from persistence.postgres_programs import find_program, run_offline, run_program
from persistence.yoyo_backend import connect, translated_psycopg_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from persistence.pool import DatabaseConfig

MANIFEST_SUFFIX = ".manifest.json"
ROLES_MIGRATION = "0007.roles.sql"
ANYTHING = """
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY 1
"""
# Without owners and grants, since another server may not have those roles; ``_grant_again`` grants to the existing
# ones. Without comments: the dump has one on the extension, which only its owner may set. In one transaction: a restore
# that fails or is killed changes nothing.
RESTORE = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-comments")


class DumpRefused(PersistenceError):  # noqa: N818 - the name says what happened
    """The file does not match its manifest, or exists already."""


class NotEmpty(PersistenceError):  # noqa: N818 - the name says what happened
    """The database has contents that a restore would destroy."""

    def __init__(self, losses: tuple[str, ...]) -> None:
        super().__init__("would be lost for good: " + "; ".join(losses))
        self.losses = losses


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a dump. ``sha256`` is the file's; ``server_major`` is a version such as 18."""

    sha256: str
    server_major: int
    contents: Contents


def backup(config: DatabaseConfig, file: Path) -> Manifest:
    """
    Dump the database into ``file``, readable only by its owner, and write its manifest. A failed backup leaves no file.

    Raises:
        DumpRefused: the file exists already.
        ProgramFailed: there is no suitable pg_dump, or it failed.
        PersistenceError: the database cannot be read.
    """
    if file.exists():
        raise DumpRefused(f"{file} exists already, and a backup overwrites nothing")
    partial = file.with_name(f"{file.name}.partial")
    with connect(config) as connection, translated_psycopg_errors():
        major = _major(connection)
        program = find_program("pg_dump", major)
        # The dump and the manifest use the same snapshot, so writers do not matter.
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        exported = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert exported is not None, "a function gives one row"
        contents = read_contents(connection)
        try:
            os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
            run_program(program, ["-Fc", f"--snapshot={exported[0]}", f"--file={partial}"], config)
            manifest = Manifest(_sha256(partial), major, contents)
            _manifest_path(file).write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
            partial.rename(file)
        finally:
            partial.unlink(missing_ok=True)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """
    The manifest of a dump. Checks the dump's checksum.

    Raises:
        DumpRefused: the dump or manifest is missing or unreadable, or the checksum differs.
    """
    try:
        raw: dict[str, Any] = json.loads(_manifest_path(file).read_text("utf-8"))
        tables = {name: TableContents(**table) for name, table in raw["contents"]["tables"].items()}
        manifest = Manifest(raw["sha256"], raw["server_major"], Contents(tables, raw["contents"]["schema"]))
        actual = _sha256(file)
    except OSError as error:
        raise DumpRefused(f"{file} or its manifest cannot be read: {(error.strerror or '').lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DumpRefused(f"{_manifest_path(file)} is no manifest of a dump") from error
    if actual != manifest.sha256:
        raise DumpRefused(f"{file} is not what was backed up: its SHA-256 differs from the manifest's")
    return manifest


def restore(config: DatabaseConfig, file: Path, *, destroy: bool = False) -> Manifest:
    """
    Restore a dump in one transaction, and grant the roles their permissions again. The old contents are kept in a
    schema ``petstream_replaced_…`` until the restored contents have been compared; a killed restore leaves them there.

    Args:
        config: Of a user who may create tables.
        file: A dump by ``backup``.
        destroy: Drop the contents of schema ``public``. Only after a person saw ``NotEmpty.losses``.

    Raises:
        DumpRefused: the file is damaged, or the restored contents differ from the manifest.
        NotEmpty: the database is not empty, and ``destroy`` is False.
        ProgramFailed: there is no suitable pg_restore, or it failed.
    """
    manifest = read_manifest(file)
    with connect(config) as connection, translated_psycopg_errors():
        program = find_program("pg_restore", max(_major(connection), manifest.server_major))
        run_offline(program, ["--list", str(file)])
        if (losses := _losses(connection)) and not destroy:
            raise NotEmpty(losses)
        with _set_aside(connection) if losses else nullcontext():
            run_program(program, [*RESTORE, f"--dbname={config.database}", str(file)], config)
            _compare(manifest, connection)
        _grant_again(connection)
    return manifest


def verify(config: DatabaseConfig, file: Path) -> Manifest:
    """
    Restore a dump into a temporary database on the same server, and compare its contents with the manifest.

    Raises:
        DumpRefused, ProgramFailed: as ``restore``.
        MisconfiguredDatabase: the user may not create databases.
    """
    manifest = read_manifest(file)
    with connect(config) as connection, translated_psycopg_errors():
        program = find_program("pg_restore", max(_major(connection), manifest.server_major))
        with _temporary_database(connection) as name:
            run_program(program, [*RESTORE, f"--dbname={name}", str(file)], config, database=name)
            with connect(replace(config, database=name)) as restored:
                _compare(manifest, restored)
    return manifest


def _compare(manifest: Manifest, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    actual = read_contents(connection)
    if _major(connection) != manifest.server_major:
        actual = replace(actual, schema=manifest.contents.schema)  # major versions write it differently
    if differences := manifest.contents.differences(actual):
        raise DumpRefused("what was restored is not what was backed up: " + "; ".join(differences))


# A dump creates its extensions unless the database has them, and expects them in schema public.
EXTENSIONS = "SELECT extname FROM pg_extension WHERE extrelocatable AND extnamespace = %s::regnamespace"


def _move_extensions(connection: psycopg.Connection[tuple[Any, ...]], source: str, target: str) -> None:
    for (name,) in connection.execute(EXTENSIONS, [source]).fetchall():
        move = sql.SQL("ALTER EXTENSION {} SET SCHEMA {}")
        connection.execute(move.format(sql.Identifier(name), sql.Identifier(target)))


@contextmanager
def _set_aside(connection: psycopg.Connection[tuple[Any, ...]]) -> Iterator[None]:
    """Run the block on an empty schema. Drops the old schema afterwards, or brings it back if the block fails."""
    replaced = f"petstream_replaced_{secrets.token_hex(6)}"
    aside = sql.Identifier(replaced)
    with connection.transaction():
        connection.execute(sql.SQL("ALTER SCHEMA public RENAME TO {}").format(aside))
        connection.execute("CREATE SCHEMA public")
        _move_extensions(connection, replaced, "public")
    try:
        yield
    except BaseException:
        with connection.transaction():
            _move_extensions(connection, "public", replaced)
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO public").format(aside))
        raise
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(aside))


def _grant_again(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Grant the permissions, which a dump leaves out. That migration is idempotent and skips missing roles."""
    with connection.transaction():
        connection.execute((migrations_folder() / ROLES_MIGRATION).read_bytes())


@contextmanager
def _temporary_database(connection: psycopg.Connection[tuple[Any, ...]]) -> Iterator[str]:
    name = f"petstream_verify_{secrets.token_hex(6)}"  # a killed run leaves it behind; it may be dropped
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield name
    finally:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _losses(connection: psycopg.Connection[tuple[Any, ...]]) -> tuple[str, ...]:
    counts = count_rows(connection)
    names = [str(name) for (name,) in connection.execute(ANYTHING).fetchall()]
    return tuple(f"{name} ({counts[name]:,} rows)" if name in counts else name for name in names)


def _major(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    return connection.info.server_version // 10_000


def _manifest_path(file: Path) -> Path:
    return file.with_name(file.name + MANIFEST_SUFFIX)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
