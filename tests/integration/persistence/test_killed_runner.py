"""kill -9 in the middle of a migration, in a process of its own, as a node that dies under a deployment does it."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from persistence.manifest import list_new_files, migration_ids, migrations_folder
from persistence.migrate import MigrationsLocked, break_lock, status, up
from persistence.pool import DatabaseConfig
from persistence.yoyo_backend import connect

IDS = migration_ids(migrations_folder())
ROOT = Path(__file__).parents[3]
RUNNER = """
import sys
from pathlib import Path
from persistence.migrate import up
from persistence.pool import DatabaseConfig
host, port, database, user, password, folder = sys.argv[1:]
up(DatabaseConfig(host, int(port), database, user, password, ssl=False), folder=Path(folder))
"""


# A migration that goes on once the test lets it: `held` holds the same lock.
WAIT = "SELECT pg_advisory_xact_lock(98)"
WAITS = f"query LIKE '%{WAIT}%' AND wait_event_type = 'Lock'"


@contextmanager
def held(config: DatabaseConfig) -> Iterator[None]:
    with connect(config) as connection:
        connection.execute("SELECT pg_advisory_lock(98)")
        yield


@contextmanager
def runner(config: DatabaseConfig, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    arguments = [config.host, str(config.port), config.database, config.username, str(config.password), str(folder)]
    with subprocess.Popen([sys.executable, "-c", RUNNER, *arguments], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(config: DatabaseConfig, condition: str) -> None:
    """Until some session of the database is in that state."""
    deadline = time.monotonic() + 60
    with connect(config) as connection:
        statement = f"SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        while not connection.execute(statement.encode()).fetchone():
            assert time.monotonic() < deadline, condition
            time.sleep(0.02)


def sessions(config: DatabaseConfig) -> list[int]:
    with connect(config) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
    return [pid for (pid,) in rows]


def assert_taken_up(config: DatabaseConfig, folder: Path, killed: int, missing: tuple[str, ...]) -> None:
    with pytest.raises(MigrationsLocked, match=rf"Process {killed} .*break-lock"):
        up(config, folder=folder, lock_timeout_seconds=0.2)
    break_lock(config)
    assert up(config, folder=folder).ids == missing
    assert all(migration.applied for migration in status(config, folder=folder))


@pytest.fixture
def indexes(empty_database: DatabaseConfig) -> Callable[[], dict[str, bool]]:
    """Whether each index is valid."""

    def look() -> dict[str, bool]:
        with connect(empty_database) as connection:
            rows = connection.execute("SELECT indexrelid::regclass::text, indisvalid FROM pg_index").fetchall()
        return {str(name): bool(valid) for name, valid in rows}

    return look


@pytest.fixture
def copied_migrations(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may add to."""
    return Path(shutil.copytree(migrations_folder(), tmp_path / "migrations"))


def test_a_runner_killed_inside_a_transaction_leaves_nothing_but_its_lock(
    own_database: DatabaseConfig, copied_migrations: Path
) -> None:
    (copied_migrations / "0098.slow.sql").write_text(f"CREATE TABLE slow (id INTEGER);\n{WAIT};\n")
    (copied_migrations / "0098.slow.rollback.sql").write_text("DROP TABLE slow;\n")
    list_new_files(copied_migrations)
    with runner(own_database, copied_migrations) as process:
        with held(own_database):
            wait_for(own_database, WAITS)
            process.kill()
            process.wait()
        assert_taken_up(own_database, copied_migrations, process.pid, ("0098.slow",))


def test_a_runner_killed_while_it_builds_an_index_beside_writers(
    empty_database: DatabaseConfig, indexes: Callable[[], dict[str, bool]]
) -> None:
    up(empty_database, to="0003")
    with connect(empty_database) as writer, writer.transaction():
        # The build waits for whoever was writing when it began.
        writer.execute(
            "INSERT INTO classification_records (user_name, image_url, classification, confidence, processing_time, "
            "timestamp) VALUES ('ann', 'x', 'cat', 0.9, 5, now())"
        )
        with runner(empty_database, migrations_folder()) as process:
            wait_for(empty_database, "query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'")
            process.kill()
            process.wait()
    # The session of the killed runner may go on by itself or end; either way the next run makes the index whole.
    assert_taken_up(empty_database, migrations_folder(), process.pid, IDS[3:])
    assert indexes()["idx_classification_records_user_name_timestamp_id"]
    assert all(indexes().values())


def test_a_lock_that_is_held_by_a_living_runner_is_not_taken_by_another(
    own_database: DatabaseConfig, copied_migrations: Path
) -> None:
    (copied_migrations / "0098.slow.sql").write_text(f"{WAIT};\n")
    (copied_migrations / "0098.slow.rollback.sql").write_text("SELECT 1;\n")
    list_new_files(copied_migrations)
    with runner(own_database, copied_migrations) as process, ThreadPoolExecutor(1) as beside:
        with held(own_database):
            wait_for(own_database, WAITS)
            known = sessions(own_database)
            other = beside.submit(up, own_database, folder=copied_migrations)
            wait_for(own_database, f"pid <> ALL (ARRAY{known}) AND query ILIKE 'ROLLBACK%'")  # an attempt has failed
            assert not other.done()
        assert other.result(60).ids == (), "it waited, and found everything done"
        assert process.wait(60) == 0
