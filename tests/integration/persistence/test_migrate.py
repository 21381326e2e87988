import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres import Postgres
from persistence.errors import MisconfiguredDatabase, PersistenceError, TransientPersistenceError, UnknownMigration
from persistence.manifest import ManifestMismatch, list_new_files, migration_ids, migrations_folder
from persistence.migrate import NOTHING, MigrationFailed, MigrationsLocked, break_lock, down, status, up
from persistence.pool import DatabaseConfig
from persistence.rollback_plan import Loss, plan_down
from persistence.yoyo_backend import connect
from tests.integration.persistence.conftest import config_for

GUIDELINE = Path(__file__).with_name("guideline_schema.sql").read_text("utf-8")
IDS = migration_ids(migrations_folder())

RELATIONS = """
SELECT format('%s %s', relkind, relname)
  FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relname !~ 'yoyo'
"""
COLUMNS = """
SELECT format('column %s.%s %s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
              (SELECT collname FROM pg_collation WHERE pg_collation.oid = attcollation), attnum,
              pg_get_expr(adbin, adrelid))
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE relnamespace = 'public'::regnamespace AND relname !~ 'yoyo' AND relkind IN ('r', 'v') AND attnum > 0
   AND NOT attisdropped
"""
INDEXES = (
    "SELECT format('%s %s', indexdef, indisvalid) FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass \
WHERE schemaname = 'public' AND indexname !~ 'yoyo'"
)
CONSTRAINTS = """
SELECT format('constraint %s %s %s %s',
              conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid), convalidated)
  FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
 WHERE connamespace = 'public'::regnamespace AND relname !~ 'yoyo'
"""
VIEWS = "SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'"
GRANTS = """
SELECT format('grant %s %s %s', grantee, table_name, privilege_type)
  FROM information_schema.role_table_grants
 WHERE grantee LIKE 'petstream\\_%' AND table_name !~ 'yoyo'
"""


def schema(config: DatabaseConfig) -> set[str]:
    """Everything that the catalogue says about the tables, views, indexes, constraints and grants, one line each."""
    with connect(config) as connection:
        queries = (RELATIONS, COLUMNS, INDEXES, CONSTRAINTS, VIEWS, GRANTS)
        return {row[0] for query in queries for row in connection.execute(query.encode()).fetchall()}


def execute(config: DatabaseConfig, statement: str) -> None:
    with connect(config) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def another_empty_database(postgres: Postgres, empty_database: DatabaseConfig) -> Iterator[DatabaseConfig]:
    name = f"{empty_database.database}_other"
    postgres.create_database(name)
    yield replace(empty_database, database=name)
    postgres.drop_database(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    return Path(shutil.copytree(migrations_folder(), tmp_path / "migrations"))


def add_migration(folder: Path, name: str, apply: str, rollback: str = "SELECT 1;") -> None:
    (folder / f"{name}.sql").write_text(apply, "utf-8")
    (folder / f"{name}.rollback.sql").write_text(rollback, "utf-8")
    list_new_files(folder)


def test_the_first_migration_makes_the_schema_of_the_guidelines(
    empty_database: DatabaseConfig, another_empty_database: DatabaseConfig
) -> None:
    execute(another_empty_database, GUIDELINE)
    up(empty_database, to="0001")
    assert schema(empty_database) == schema(another_empty_database)
    assert any("idx_classification_records_timestamp" in line for line in schema(empty_database))


def test_the_first_migration_holds_the_text_of_the_guidelines() -> None:
    assert GUIDELINE in (migrations_folder() / f"{IDS[0]}.sql").read_text("utf-8")


def test_later_migrations_keep_every_column_constraint_and_index_of_the_guidelines(
    empty_database: DatabaseConfig, database: DatabaseConfig
) -> None:
    up(empty_database, to="0001")
    assert schema(empty_database) <= schema(database)


def test_sequencers_compare_byte_by_byte_whatever_the_databases_language(database: DatabaseConfig) -> None:
    with connect(database) as connection:
        collations = connection.execute(
            "SELECT table_name, collation_name FROM information_schema.columns "
            "WHERE column_name = 'source_sequencer' AND table_name !~ '^(current|image_outcomes)' ORDER BY 1"
        )
        assert collations.fetchall() == [("classification_records", "C"), ("image_rejections", "C")]


def test_up_applies_everything_once_and_then_nothing(empty_database: DatabaseConfig) -> None:
    assert up(empty_database).ids == IDS
    assert up(empty_database).ids == ()
    assert all(migration.applied and migration.checksum_ok for migration in status(empty_database))


TablesAndColumns = set[tuple[str, str | None]]


@dataclass
class Walked:
    """One migration, applied, rolled back and applied again: what was said and what the catalogue held meanwhile."""

    id: str
    ids: list[tuple[str, ...]]
    earlier: set[str]
    later: set[str]
    rolled_back: set[str]
    again: set[str]
    planned: TablesAndColumns
    lost: TablesAndColumns


@pytest.fixture(scope="module")
def walk(postgres: Postgres) -> list[Walked]:
    """From nothing to the last migration."""
    postgres.create_database("walked")
    config = config_for(postgres, "walked")
    steps = []
    for id_, before in zip(IDS, (NOTHING, *IDS), strict=False):
        earlier = schema(config)
        ids = [up(config, to=id_).ids]
        later, held = schema(config), _tables_and_columns(config)
        planned = {(loss.table, loss.column) for loss in plan_down(config, before)}
        ids.append(down(config, before).ids)
        rolled_back, left = schema(config), _tables_and_columns(config)
        ids.append(up(config, to=id_).ids)
        steps.append(Walked(id_, ids, earlier, later, rolled_back, schema(config), planned, held - left))
    postgres.drop_database("walked")
    return steps


def test_each_migration_goes_up_and_down_and_up_again(walk: list[Walked]) -> None:
    assert [step.id for step in walk] == list(IDS)
    for step in walk:
        assert step.ids == [(step.id,)] * 3
        assert step.rolled_back == step.earlier, step.id
        # Columns that were dropped keep their number, so only then do the numbers differ.
        assert _without_numbers(step.again) == _without_numbers(step.later), step.id


def test_the_plan_is_what_down_really_drops(walk: list[Walked]) -> None:
    assert any(step.planned for step in walk)
    for step in walk:
        tables = {table for table, column in step.lost if column is None}
        # A column that goes with its table is not told apart.
        dropped = {(table, column) for table, column in step.lost if column is None or table not in tables}
        assert step.planned == dropped, step.id


def _without_numbers(lines: set[str]) -> set[str]:
    return {" ".join(word for word in line.split() if not word.isdigit()) for line in lines}


def test_down_to_nothing_leaves_no_relation(own_database: DatabaseConfig) -> None:
    assert down(own_database, NOTHING).ids == tuple(reversed(IDS))
    assert schema(own_database) == set()


def test_rows_that_were_there_before_survive_the_way_up(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0001")
    execute(
        empty_database,
        "INSERT INTO classification_records (user_name, image_url, classification, confidence, processing_time, "
        "timestamp) SELECT 'ann', 'https://old.example/' || n, 'cat', 0.9, 5, now() FROM generate_series(1, 100) n",
    )
    up(empty_database)
    with connect(empty_database) as connection:
        rows = connection.execute(
            "SELECT DISTINCT source_sequencer, model_rev, count(*) OVER () FROM classification_records"
        )
        assert rows.fetchall() == [("0" * 64, 0, 100)]
        assert connection.execute("SELECT count(*) FROM image_outcomes").fetchone() == (0,), "they name no object"


def test_a_plan_names_each_table_and_column_with_its_rows(database: DatabaseConfig) -> None:
    execute(
        database,
        "INSERT INTO classification_records (user_name, image_url, classification, confidence, processing_time, "
        "timestamp, source_bucket) "
        "SELECT 'ann', 'x', 'cat', 0.9, 5, now(), CASE WHEN n > 1 THEN 'b' END FROM generate_series(1, 3) n",
    )
    plan = plan_down(database, "0001")
    newest = [Loss("0010.trace-ids", table, "trace_id", 0) for table in ("classification_records", "image_rejections")]
    assert plan[:2] == newest
    assert plan[2] == Loss("0005.image-rejections", "image_rejections", None, 0)
    assert Loss("0002.source-columns", "classification_records", "source_bucket", 2) in plan
    assert Loss("0002.source-columns", "classification_records", "model_rev", 3) in plan
    assert plan_down(database, NOTHING)[-1] == Loss(IDS[0], "classification_records", None, 3)
    assert plan_down(database, "0005") == newest
    assert plan_down(database, "0010") == []


def _tables_and_columns(config: DatabaseConfig) -> TablesAndColumns:
    with connect(config) as connection:
        rows = connection.execute(
            "SELECT relname, attname FROM pg_class LEFT JOIN LATERAL "
            "(SELECT NULL AS attname UNION ALL SELECT attname FROM pg_attribute "
            "WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped) a ON true "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname !~ 'yoyo'"
        )
        return set(rows.fetchall())


def test_an_edited_migration_stops_every_run(empty_database: DatabaseConfig, folder: Path) -> None:
    up(empty_database, to="0001", folder=folder)
    with (folder / f"{IDS[0]}.sql").open("a") as file:
        file.write("-- a harmless remark\n")
    with pytest.raises(ManifestMismatch, match=f"{IDS[0]}.sql was edited"):
        up(empty_database, folder=folder)
    with pytest.raises(ManifestMismatch):
        down(empty_database, NOTHING, folder=folder)
    first, *rest = status(empty_database, folder=folder)
    assert first.applied
    assert not first.checksum_ok
    assert all(migration.checksum_ok and not migration.applied for migration in rest)


def test_status_of_an_untouched_database_writes_nothing_to_it(empty_database: DatabaseConfig) -> None:
    migrations = status(empty_database)
    assert [migration.id for migration in migrations] == list(IDS)
    assert not any(migration.applied for migration in migrations)
    assert all(migration.description for migration in migrations)
    with connect(empty_database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchone() == (0,)


def test_migrations_of_newer_code_are_shown_and_never_rolled_back(own_database: DatabaseConfig, folder: Path) -> None:
    add_migration(folder, "0099.from-the-future", "CREATE TABLE future (id INTEGER);", "DROP TABLE future;")
    up(own_database, folder=folder)
    unknown = status(own_database)[-1]
    assert (unknown.id, unknown.checksum_ok, bool(unknown.applied)) == ("0099.from-the-future", False, True)
    with pytest.raises(MisconfiguredDatabase, match="newer code"):
        down(own_database, NOTHING)


def test_two_runners_at_once_apply_everything_once(empty_database: DatabaseConfig) -> None:
    start = threading.Barrier(2)

    def run() -> tuple[str, ...]:
        start.wait()
        return up(empty_database).ids

    with ThreadPoolExecutor(2) as threads:
        results = [future.result() for future in [threads.submit(run) for _ in range(2)]]
    assert sorted(results) == [(), IDS]


def test_a_failing_migration_is_undone_and_named_while_those_before_it_stand(
    own_database: DatabaseConfig, folder: Path
) -> None:
    add_migration(folder, "0098.half", "CREATE TABLE half (id INTEGER); SELECT 1/0;")
    with pytest.raises(MigrationFailed, match=r"^0098\.half: division by zero") as failure:
        up(own_database, folder=folder)
    assert failure.value.migration_id == "0098.half"
    assert not any("half" in line for line in schema(own_database))
    assert [m.id for m in status(own_database, folder=folder) if not m.applied] == ["0098.half"]


def test_a_crash_before_the_mark_leaves_nothing_behind(
    empty_database: DatabaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("persistence.yoyo_backend.AtomicBackend.mark_one", killed)
        with pytest.raises(KeyboardInterrupt):
            up(empty_database)
    assert schema(empty_database) == set()
    assert up(empty_database, to="0001").ids == IDS[:1]


def test_a_runner_without_an_entry_in_the_user_database_can_migrate(
    empty_database: DatabaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert up(empty_database, to="0001").ids == IDS[:1]


def test_an_index_build_that_failed_can_be_repeated(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0003")
    name = "idx_classification_records_user_name_timestamp_id"
    execute(empty_database, f"CREATE INDEX {name} ON classification_records (user_name)")
    execute(empty_database, f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
    up(empty_database, to="0004")
    assert any(name in line and "id DESC) t" in line for line in schema(empty_database))


def test_the_lock_of_a_killed_runner_is_explained_and_can_be_broken(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0001")
    execute(empty_database, "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4242)")
    with pytest.raises(MigrationsLocked, match=r"Process 4242 .*break-lock"):
        up(empty_database, lock_timeout_seconds=0.1)
    break_lock(empty_database)
    assert up(empty_database, to="0002").ids == IDS[1:2]


def test_breaking_the_lock_of_an_untouched_database_does_nothing(empty_database: DatabaseConfig) -> None:
    break_lock(empty_database)
    assert schema(empty_database) == set()


def test_a_migration_that_waits_behind_a_long_read_gives_up_soon_and_can_be_repeated(
    own_database: DatabaseConfig, folder: Path
) -> None:
    add_migration(
        folder,
        "0097.waits",
        "SET LOCAL lock_timeout = '50ms';\nALTER TABLE classification_records ADD COLUMN a INTEGER;",
    )
    with connect(own_database) as reader:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM classification_records")
            with pytest.raises(MigrationFailed) as failure:
                up(own_database, folder=folder)
        assert isinstance(failure.value.__cause__, TransientPersistenceError)
        assert failure.value.sqlstate == "55P03"
    assert up(own_database, folder=folder).ids == ("0097.waits",)


def test_an_unknown_target_is_refused(empty_database: DatabaseConfig) -> None:
    with pytest.raises(UnknownMigration, match="no migration '0042'"):
        up(empty_database, to="0042")


def test_a_server_that_is_not_there_is_transient(empty_database: DatabaseConfig) -> None:
    with pytest.raises(TransientPersistenceError):
        up(replace(empty_database, port=1))


def test_a_wrong_password_says_so(empty_database: DatabaseConfig) -> None:
    with pytest.raises(PersistenceError, match="password authentication failed"):
        status(replace(empty_database, password="wrong"))


def test_a_password_that_is_asked_for_is_asked_at_each_connection(empty_database: DatabaseConfig) -> None:
    asked = 0

    async def password() -> str:
        nonlocal asked
        asked += 1
        assert isinstance(empty_database.password, str)
        return empty_database.password

    up(replace(empty_database, password=password), to="0004")
    assert asked == 1 + 4, "one for the runner and one for each migration"


def test_a_user_who_may_not_create_tables_is_told_so_and_not_that_somebody_holds_the_lock(
    postgres: Postgres, empty_database: DatabaseConfig
) -> None:
    user = f"visitor_{empty_database.database}"
    execute(empty_database, f"CREATE ROLE {user} LOGIN PASSWORD 'guest'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with pytest.raises(MisconfiguredDatabase, match=f"user {user} may not create tables in schema public"):
            up(replace(empty_database, username=user, password="guest"))
    finally:
        execute(empty_database, f"DROP ROLE {user}")


def test_migration_files_are_ascii_since_the_runner_reads_them_in_the_locales_encoding() -> None:
    for path in migrations_folder().glob("*.sql"):
        path.read_bytes().decode("ascii")


def test_psycopg_is_closed_after_a_run(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0004")
    with psycopg.connect(
        host=empty_database.host,
        port=empty_database.port,
        dbname=empty_database.database,
        user=empty_database.username,
        password=str(empty_database.password),
    ) as connection:
        sessions = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert sessions.fetchone() == (0,)
