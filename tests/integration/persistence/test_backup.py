"""Backups and drills on real servers, with the real pg_dump and pg_restore."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from deploy.local.postgres import Postgres
from persistence.backup import DumpRefused, Manifest, NotEmpty, backup, restore, verify
from persistence.contents import TABLES
from persistence.errors import PersistenceError
from persistence.pool import DatabaseConfig, open_pool
from persistence.postgres_programs import ProgramFailed, find_program
from persistence.seed import write_seeds
from streams.cli import app
from tests.integration.persistence.conftest import config_for

# 0600 dumps are made under this folder by this user; pg_dump connects by TCP.


def connect(config: DatabaseConfig) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=config.host,
        port=config.port,
        dbname=config.database,
        user=config.username,
        password=str(config.password),
        autocommit=True,
    )


def rows(config: DatabaseConfig) -> dict[str, list[tuple[object, ...]]]:
    with connect(config) as connection:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in TABLES}


def relations(config: DatabaseConfig) -> list[tuple[object, ...]]:
    with connect(config) as connection:
        return connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()


@pytest.fixture(scope="module")
def source(postgres: Postgres, template: str) -> Iterator[DatabaseConfig]:
    """1,200 rows, only read by the tests."""
    postgres.create_database("source", template=template)
    config = config_for(postgres, "source")

    async def sow() -> None:
        async with await open_pool(config) as pool:
            await write_seeds(pool, rows=1200, seed=7, users=5, progress=lambda _rows: None)

    asyncio.run(sow())
    yield config
    postgres.drop_database("source")


@pytest.fixture(scope="module")
def dumped(source: DatabaseConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dump") / "monday.dump"
    backup(source, file)
    return file


@pytest.fixture
def dump(dumped: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil, with its manifest."""
    for file in dumped.parent.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / dumped.name


@pytest.fixture
def seeded(postgres: Postgres, source: DatabaseConfig) -> Iterator[DatabaseConfig]:
    """A copy of what was dumped that a test may change."""
    postgres.create_database("seeded", template=source.database)
    yield replace(source, database="seeded")
    postgres.drop_database("seeded")


@pytest.fixture(scope="module")
def restored(postgres: Postgres, dumped: Path) -> Iterator[tuple[DatabaseConfig, Manifest]]:
    postgres.create_database("restored")
    config = config_for(postgres, "restored")
    yield config, restore(config, dumped)
    postgres.drop_database("restored")


def test_what_is_restored_is_row_by_row_what_was_backed_up(
    source: DatabaseConfig, dumped: Path, restored: tuple[DatabaseConfig, Manifest]
) -> None:
    config, manifest = restored
    assert rows(config) == rows(source)
    assert sum(table.rows for table in manifest.contents.tables.values()) == 1200
    assert stat.S_IMODE(dumped.stat().st_mode) == 0o600


def test_the_roles_may_work_on_a_restored_database(restored: tuple[DatabaseConfig, Manifest]) -> None:
    with connect(restored[0]) as connection, connection.transaction(force_rollback=True):
        connection.execute("SET ROLE petstream_reader")
        assert connection.execute("SELECT count(*) FROM image_outcomes").fetchone() == (1200,)
        connection.execute("SET ROLE petstream_writer")
        connection.execute("UPDATE image_rejections SET detail = 'again'")


def test_a_database_that_holds_something_is_restored_into_only_when_told_so(seeded: DatabaseConfig, dump: Path) -> None:
    before = rows(seeded)
    with connect(seeded) as connection:
        connection.execute("DELETE FROM image_rejections")
    with pytest.raises(NotEmpty, match=r"image_rejections \(0 rows\)") as caught:
        restore(seeded, dump)
    assert any(loss.startswith("classification_records (1,0") for loss in caught.value.losses)
    restore(seeded, dump, destroy=True)
    assert rows(seeded) == before
    assert {schema for schema, _ in relations(seeded)} == {"public"}


def test_a_restore_that_fails_brings_back_what_was_there(seeded: DatabaseConfig, dump: Path) -> None:
    """The manifest is made to expect another row, so that the comparison at the end fails."""
    before = rows(seeded)
    manifest = dump.with_name(dump.name + ".manifest.json")
    raw = json.loads(manifest.read_text())
    raw["contents"]["tables"]["image_rejections"]["rows"] += 1
    manifest.write_text(json.dumps(raw))
    with pytest.raises(DumpRefused, match="image_rejections has"):
        restore(seeded, dump, destroy=True)
    assert rows(seeded) == before
    assert {schema for schema, _ in relations(seeded)} == {"public"}


def test_a_drill_leaves_no_database_behind(source: DatabaseConfig, dumped: Path) -> None:
    verify(source, dumped)
    with connect(source) as connection:
        assert (
            connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'petstream_verify%'").fetchall()
            == []
        )


@pytest.mark.parametrize("act", [restore, verify])
def test_a_corrupt_dump_is_refused_and_nothing_arrives(
    dump: Path, empty_database: DatabaseConfig, act: Callable[[DatabaseConfig, Path], object]
) -> None:
    raw = dump.read_bytes()
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 1
    for damage, damaged in (("flipped", bytes(flipped)), ("cut", raw[:-100]), ("empty", b"")):
        dump.write_bytes(damaged)
        with pytest.raises(DumpRefused, match="SHA-256 differs"):
            act(empty_database, dump)
        assert relations(empty_database) == [], damage


def test_a_dump_without_its_manifest_is_refused(dump: Path, empty_database: DatabaseConfig) -> None:
    dump.with_name(dump.name + ".manifest.json").unlink()
    with pytest.raises(DumpRefused, match="manifest cannot be read"):
        restore(empty_database, dump)


@pytest.mark.parametrize("table", TABLES)
def test_a_drill_finds_one_changed_value(seeded: DatabaseConfig, dump: Path, tmp_path: Path, table: str) -> None:
    """A dump of a changed row under the manifest of the unchanged one, with the checksum made to fit."""
    with connect(seeded) as connection:
        connection.execute(f"UPDATE {table} SET source_etag = 'x' WHERE id = (SELECT min(id::text)::uuid FROM {table})")
    other = tmp_path / "other.dump"
    backup(seeded, other)
    expected = json.loads(dump.with_name(dump.name + ".manifest.json").read_text())
    manifest = other.with_name(other.name + ".manifest.json")
    raw = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(raw | {"contents": expected["contents"]}))
    with pytest.raises(DumpRefused, match=f"{table} has as many rows, but not the same"):
        verify(seeded, other)


def test_a_drill_finds_a_lost_index(seeded: DatabaseConfig, dump: Path, tmp_path: Path) -> None:
    with connect(seeded) as connection:
        connection.execute("DROP INDEX idx_image_rejections_timestamp_id")
    other = tmp_path / "other.dump"
    backup(seeded, other)
    manifest = other.with_name(other.name + ".manifest.json")
    raw = json.loads(manifest.read_text())
    raw["contents"]["schema"] = json.loads(dump.with_name(dump.name + ".manifest.json").read_text())["contents"][
        "schema"
    ]
    manifest.write_text(json.dumps(raw))
    with pytest.raises(DumpRefused, match="the schema differs"):
        verify(seeded, other)


def test_a_backup_overwrites_nothing_and_a_failed_one_leaves_nothing(source: DatabaseConfig, dump: Path) -> None:
    before = dump.read_bytes()
    with pytest.raises(DumpRefused, match="exists already"):
        backup(source, dump)
    assert dump.read_bytes() == before
    with pytest.raises(PersistenceError):
        backup(replace(source, password="wrong"), dump.with_name("other.dump"))
    assert sorted(path.name for path in dump.parent.iterdir()) == ["monday.dump", "monday.dump.manifest.json"]


def test_a_server_newer_than_every_program_is_told_so() -> None:
    with pytest.raises(ProgramFailed, match=r"pg_dump of version 99 or newer is needed for this server \(found: "):
        find_program("pg_dump", 99)


def environment(config: DatabaseConfig) -> dict[str, str]:
    return {
        "DATABASE_HOST": config.host,
        "DATABASE_PORT": str(config.port),
        "DATABASE_NAME": config.database,
        "DATABASE_USERNAME": config.username,
        "DATABASE_PASSWORD": str(config.password),
        "DATABASE_SSL": "false",
    }


def test_a_killed_restore_leaves_an_empty_database_that_can_be_restored_into(
    dump: Path, empty_database: DatabaseConfig, eventually: Callable[..., None]
) -> None:
    with connect(empty_database) as connection:
        connection.execute("CREATE SCHEMA slow")
        connection.execute(
            "CREATE FUNCTION slow.wait() RETURNS event_trigger LANGUAGE plpgsql "
            "AS 'BEGIN PERFORM pg_advisory_xact_lock(1); END'"
        )
        connection.execute(
            "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION slow.wait()"
        )
        connection.execute("SELECT pg_advisory_lock(1)")
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "database", "restore", str(dump)],
            env={**kept, **environment(empty_database)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that pg_restore is killed with it
        )
        restoring = (
            "SELECT wait_event FROM pg_stat_activity "
            "WHERE application_name = 'pg_restore' AND datname = current_database()"
        )
        try:
            eventually(lambda: connection.execute(restoring).fetchall() == [("advisory",)], within_seconds=60)
            command = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
            assert "pg_restore" in command
            assert str(empty_database.password) not in command
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        connection.execute("SELECT pg_advisory_unlock(1)")
        eventually(lambda: connection.execute(restoring).fetchall() == [], within_seconds=60)
        assert relations(empty_database) == []
        connection.execute("DROP EVENT TRIGGER slow")
    restore(empty_database, dump)
    assert sum(map(len, rows(empty_database).values())) == 1200


@pytest.fixture
def petstream(empty_database: DatabaseConfig) -> Callable[..., Result]:
    def run(*arguments: str, config: DatabaseConfig = empty_database) -> Result:
        return CliRunner().invoke(app, ["database", *arguments], env=environment(config))

    return run


def test_the_commands_back_up_verify_and_restore(
    petstream: Callable[..., Result], database: DatabaseConfig, empty_database: DatabaseConfig, tmp_path: Path
) -> None:
    file = str(tmp_path / "a.dump")
    assert "30 new rows" in petstream("seed", "--rows", "30", config=database).output
    assert petstream("backup", file, config=database).exit_code == 0
    assert "can be restored" in petstream("verify", file, config=database).output
    assert petstream("restore", file).exit_code == 0
    assert rows(empty_database) == rows(database)
    again = petstream("restore", file)
    assert again.exit_code == 1
    assert "would be lost for good: classification_records (" in again.output
    assert "nothing was changed" in again.output
    assert petstream("restore", file, "--yes").exit_code == 0
    assert rows(empty_database) == rows(database)


def test_a_mistake_is_told_in_one_sentence(petstream: Callable[..., Result], tmp_path: Path) -> None:
    for arguments in (("restore", str(tmp_path / "none")), ("backup", str(tmp_path / "no" / "folder"))):
        result = petstream(*arguments)
        assert result.exit_code == 1
        assert len(result.output.splitlines()) == 1
        assert "Traceback" not in result.output
