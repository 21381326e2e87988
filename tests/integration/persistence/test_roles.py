"""Least privilege, with roles that belong to the cluster while the tests use many databases of it."""

import itertools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from persistence.errors import MisconfiguredDatabase
from persistence.manifest import migration_ids, migrations_folder
from persistence.migrate import MigrationFailed, down, up
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.reads import count_outcomes
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.schema import READER_GRANTS, missing_grants, schema_version
from persistence.store import Store, Upserted
from persistence.yoyo_backend import connect
from streams.check.examine import examine
from streams.check.finding import Finding
from tests.integration.persistence.conftest import config_for

ROLES = {"petstream_migrator", "petstream_writer", "petstream_reader"}
IDS = migration_ids(migrations_folder())
NUMBERS = itertools.count(1)


def execute(config: DatabaseConfig, statement: str) -> list[tuple[object, ...]]:
    with connect(config) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def as_role(config: DatabaseConfig, role: str) -> DatabaseConfig:
    execute(config, f"ALTER ROLE {role} PASSWORD 'of {role}'")
    return replace(config, username=role, password=f"of {role}")


@pytest.fixture
def database(own_database: DatabaseConfig) -> DatabaseConfig:
    """Of the test's own: what is refused here would spoil the tables for others, were it not."""
    return own_database


@pytest.fixture(scope="module")
def second_server(postgres: Postgres) -> Iterator[Postgres]:
    """Of the same version. Roles belong to a server, and on the other one they exist."""
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    server = Postgres(folder, version=postgres.kind.split()[1].split(".")[0])
    try:
        server.start()
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


@pytest.fixture
def bare_cluster(second_server: Postgres) -> Iterator[DatabaseConfig]:
    """A cluster where nothing of petstream was ever made."""
    second_server.create_database("fresh")
    yield config_for(second_server, "fresh")
    second_server.drop_database("fresh")
    roles = "SELECT rolname FROM pg_roles WHERE rolname ~ '^petstream_|^commoner$'"
    everywhere = config_for(second_server, "postgres")
    for (role,) in execute(everywhere, roles):
        execute(everywhere, f"DROP ROLE {role}")


@pytest.fixture
def commoner(empty_database: DatabaseConfig) -> Iterator[DatabaseConfig]:
    """Somebody who owns the database and may create tables in it, but no roles."""
    name = f"commoner_{next(NUMBERS)}"
    execute(empty_database, f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
    execute(empty_database, f"ALTER DATABASE {empty_database.database} OWNER TO {name}")
    execute(empty_database, f"GRANT CREATE ON SCHEMA public TO {name}")
    yield replace(empty_database, username=name, password="plain")
    execute(
        empty_database, f"DROP OWNED BY {name} CASCADE; ALTER DATABASE {empty_database.database} OWNER TO petstream"
    )
    execute(empty_database, f"DROP ROLE {name}")


async def test_the_writer_stores_and_updates_and_may_not_delete(
    database: DatabaseConfig,
    classification: Callable[..., ClassificationRecord],
    rejection: Callable[..., RejectionRecord],
) -> None:
    async with await open_pool(as_role(database, "petstream_writer")) as pool:
        store = Store(pool)
        assert await store.upsert([classification("1")], [rejection("2")]) == Upserted(inserted=2)
        later = [classification("1", version=2)], [rejection("2", version=2)]
        assert await store.upsert(*later) == Upserted(updated=2)
        assert (await count_outcomes(pool)).objects == 2
        assert (await schema_version(pool)).is_current
        assert await missing_grants(pool) == ()
        for forbidden in (
            "DELETE FROM classification_records",
            "TRUNCATE classification_records",
            "DELETE FROM image_rejections",
            "DROP TABLE image_rejections",
            "ALTER TABLE classification_records ADD COLUMN a INTEGER",
            "CREATE TABLE mine (id INTEGER)",
            "DELETE FROM _yoyo_migration",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(forbidden)


async def test_the_reader_reads_and_may_not_write(
    database: DatabaseConfig, classification: Callable[..., ClassificationRecord]
) -> None:
    async with await open_pool(as_role(database, "petstream_reader"), read_only=True) as pool:
        assert (await count_outcomes(pool)).objects == 0
        assert (await schema_version(pool)).is_current
        assert await missing_grants(pool, READER_GRANTS) == ()
        assert await missing_grants(pool) == (
            "INSERT on classification_records",
            "INSERT on image_rejections",
            "UPDATE on classification_records",
            "UPDATE on image_rejections",
        )
        with pytest.raises(MisconfiguredDatabase) as error:
            await Store(pool).upsert([classification()])
        assert error.value.sqlstate == "42501"


TABLES = ("classification_records", "image_rejections")
VIEWS = ("image_outcomes", "current_classifications", "current_rejections")
OWN_VIEW = "CREATE VIEW mine AS SELECT 1"
SET_ROLE = "SET ROLE petstream_migrator"
CHANGES = (
    *(f"DELETE FROM {table}" for table in TABLES),
    *(f"TRUNCATE {table}" for table in TABLES),
    *(f"DROP TABLE {table}" for table in TABLES),
    *(f"ALTER TABLE {table} ADD COLUMN a INTEGER" for table in TABLES),
    *(f"CREATE INDEX ON {table} (id)" for table in TABLES),
    *(f"DROP VIEW {view}" for view in VIEWS),
    "ALTER TABLE classification_records DROP CONSTRAINT classification_records_confidence_check",
    "DROP INDEX idx_classification_records_user_name",
    "CREATE TABLE mine (id INTEGER)",
    OWN_VIEW,
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    SET_ROLE,
    "INSERT INTO _yoyo_migration (migration_hash) VALUES ('x')",
    "DELETE FROM _yoyo_migration",
    "DELETE FROM yoyo_lock",
    "COPY classification_records TO PROGRAM 'true'",
)
WRITES = (
    *(f"INSERT INTO {table} SELECT * FROM {table}" for table in TABLES),
    *(f"UPDATE {table} SET user_name = 'x'" for table in TABLES),
    *(f"SELECT * FROM {table} FOR UPDATE" for table in TABLES),
)


async def refused(pool: Pool, *statements: str) -> None:
    """Each of them, for want of a permission."""
    for statement in statements:
        try:
            await pool.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        pytest.fail(f"was not refused: {statement}")


async def test_the_writer_may_change_no_schema_and_remove_no_row(database: DatabaseConfig) -> None:
    async with await open_pool(as_role(database, "petstream_writer")) as pool:
        await refused(pool, *CHANGES)


async def test_the_reader_may_change_nothing_at_all(database: DatabaseConfig) -> None:
    async with await open_pool(as_role(database, "petstream_reader"), read_only=True) as pool:
        await refused(pool, *CHANGES, *WRITES)


async def test_the_migrator_may_create_in_the_schema_and_nothing_else(database: DatabaseConfig) -> None:
    changes = [change for change in CHANGES if change not in ("CREATE TABLE mine (id INTEGER)", OWN_VIEW, SET_ROLE)]
    reads = [f"SELECT * FROM {relation}" for relation in (*TABLES, *VIEWS)]
    async with await open_pool(as_role(database, "petstream_migrator")) as pool:
        await pool.execute("CREATE TABLE own (id INTEGER)")
        # What somebody else made is somebody else's, also in this schema.
        await refused(pool, *changes, *WRITES, *reads, "SET ROLE petstream_writer")


async def test_no_role_has_powers_over_the_cluster(pool: Pool) -> None:
    roles = await pool.fetch(
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls "
        "  FROM pg_roles WHERE rolname LIKE 'petstream\\_%'"
    )
    powers = {role: powers for role, *powers in roles}
    assert powers == dict.fromkeys(ROLES, [False] * 5)


@pytest.fixture
def member(database: DatabaseConfig) -> Iterator[DatabaseConfig]:
    """A login of somebody's own, which gets its permissions from a role."""
    name = f"member_{next(NUMBERS)}"
    execute(database, f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
    yield replace(database, username=name, password="plain")
    execute(database, f"DROP ROLE {name}")


async def test_the_doctor_names_the_grants_and_the_time_outs_that_are_missing(
    database: DatabaseConfig, member: DatabaseConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "DATABASE_HOST": member.host,
        "DATABASE_PORT": str(member.port),
        "DATABASE_NAME": member.database,
        "DATABASE_USERNAME": member.username,
        "DATABASE_PASSWORD": str(member.password),
        "DATABASE_SSL": "false",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async def diagnosis() -> Finding:
        return (await examine("sink"))[-1]

    execute(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {member.username}")
    lacking = await diagnosis()
    assert lacking.found.endswith(
        "lacks INSERT on classification_records, INSERT on image_rejections, "
        "UPDATE on classification_records, UPDATE on image_rejections"
    )
    assert lacking.remedy == "make the user a member of the role petstream_writer"

    execute(database, f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {member.username}")
    execute(database, f"GRANT petstream_writer TO {member.username}")
    endless = await diagnosis()
    assert endless.state == "warning"
    assert endless.remedy is not None
    _, separator, advice = endless.remedy.partition("an administrator runs: ")
    assert separator
    for setting in ("idle_in_transaction_session_timeout = '30s'", "lock_timeout = '5s'", "statement_timeout = '10s'"):
        assert f"ALTER ROLE {member.username} SET {setting}" in advice
    execute(database, advice)
    assert (await diagnosis()).found == f"{len(IDS)} migrations applied, grants suffice"


async def test_the_writers_statements_end_before_the_client_gives_up(database: DatabaseConfig) -> None:
    # The settings belong to this database, and a copy of a template does not inherit them.
    down(database, "0006")
    up(database)
    async with await open_pool(as_role(database, "petstream_writer")) as pool:
        row = await pool.fetchrow(
            "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock, "
            "current_setting('idle_in_transaction_session_timeout') AS idle"
        )
    assert row is not None
    assert dict(row) == {"statement": "10s", "lock": "5s", "idle": "30s"}


def test_no_role_has_a_password(bare_cluster: DatabaseConfig) -> None:
    assert up(bare_cluster).warnings == ()
    roles = execute(bare_cluster, "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'petstream\\_%'")
    assert {str(name) for name, _ in roles} == ROLES
    assert {password for _, password in roles} == {None}


def test_the_migrator_alone_can_migrate_from_the_first_to_the_last(bare_cluster: DatabaseConfig) -> None:
    for role in sorted(ROLES):
        execute(bare_cluster, f"CREATE ROLE {role} LOGIN")
    execute(bare_cluster, "GRANT CREATE ON SCHEMA public TO petstream_migrator")
    migrator = as_role(bare_cluster, "petstream_migrator")
    migrated = up(migrator, to="0015")
    assert any("ALTER ROLE petstream_writer" in warning for warning in migrated.warnings), (
        "timeouts are an administrator's"
    )
    asked = (
        r"petstream_migrator may not create the extension .* An administrator runs in fresh: (CREATE EXTENSION \w+;)"
    )
    with pytest.raises(MigrationFailed, match=asked) as failure:
        up(migrator)
    statement = re.search(asked, str(failure.value))
    assert statement
    execute(bare_cluster, statement[1])
    assert (*migrated.ids, *up(migrator).ids) == IDS
    grants = execute(
        bare_cluster,
        "SELECT has_table_privilege('petstream_writer', 'image_rejections', 'INSERT'), "
        "has_table_privilege('petstream_reader', 'image_outcomes', 'SELECT'), "
        "has_table_privilege('petstream_reader', 'image_rejections', 'INSERT')",
    )
    assert grants == [(True, True, False)]


def test_roles_that_cannot_be_created_are_asked_for_and_everything_else_is_done(bare_cluster: DatabaseConfig) -> None:
    execute(
        bare_cluster,
        "CREATE ROLE commoner LOGIN PASSWORD 'plain'; GRANT CREATE ON SCHEMA public TO commoner; "
        "GRANT CREATE ON DATABASE fresh TO commoner",
    )
    commoner = replace(bare_cluster, username="commoner", password="plain")
    migrated = up(commoner)
    assert migrated.ids == IDS
    assert len(migrated.warnings) == 3
    assert all(
        f"CREATE ROLE {role} LOGIN" in text for role, text in zip(sorted(ROLES), sorted(migrated.warnings), strict=True)
    )
    # What the warning asks for, and then the file again, as it says.
    for role in sorted(ROLES):
        execute(bare_cluster, f"CREATE ROLE {role} LOGIN")
    file = Path(__file__).parents[3] / "migrations" / "0007.roles.sql"
    execute(commoner, f"BEGIN; {file.read_text('utf-8')} COMMIT")
    assert execute(bare_cluster, "SELECT has_table_privilege('petstream_writer', 'image_rejections', 'INSERT')") == [
        (True,)
    ]


def test_roles_that_exist_already_are_used_by_somebody_who_may_not_create_any(
    template: str, commoner: DatabaseConfig
) -> None:
    migrated = up(commoner)
    assert migrated.ids == IDS
    assert not any("CREATE ROLE" in warning for warning in migrated.warnings)
    assert execute(commoner, "SELECT has_table_privilege('petstream_reader', 'image_outcomes', 'SELECT')") == [(True,)]


def test_rolling_back_takes_the_grants_and_leaves_the_roles_to_other_databases(
    database: DatabaseConfig, empty_database: DatabaseConfig
) -> None:
    up(empty_database)
    assert down(database, "0006").warnings == ()
    held = "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee LIKE 'petstream\\_%'"
    assert execute(database, held) == [(0,)]
    assert execute(empty_database, held) != [(0,)]
    assert {str(name) for (name,) in execute(database, "SELECT rolname FROM pg_roles")} >= ROLES


async def test_a_database_without_migrations_lacks_them_all(empty_database: DatabaseConfig) -> None:
    async with await open_pool(empty_database) as pool:
        version = await schema_version(pool)
        assert version.applied == ()
        assert version.missing[0] == "0001.classification-records"
        assert not version.is_current
        assert "SELECT on image_outcomes" in await missing_grants(pool)


async def test_a_missing_and_an_unknown_migration_are_named(pool: Pool) -> None:
    await pool.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0007.roles'")
    await pool.execute(
        "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) VALUES ('x', '0099.later', now())"
    )
    version = await schema_version(pool)
    assert (version.missing, version.unknown) == (("0007.roles",), ("0099.later",))
