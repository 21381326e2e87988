"""Every statement that the runbook gives to a person runs, in its order, on a database with rows."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence.migrate import up
from persistence.pool import DatabaseConfig, open_pool
from persistence.seed import write_seeds
from tests.absent import cannot_run
from tests.integration.persistence.conftest import config_for

RUNBOOK = Path(__file__).parents[3] / "docs" / "aurora.md"
BLOCK = re.compile(r"^```(\S+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AURORA_ONLY = ("rds_iam", "rds_pgaudit", "pgaudit", "aurora_")


def blocks(mark: str) -> list[str]:
    found = BLOCK.findall(RUNBOOK.read_text("utf-8"))
    return [text for language, rest, text in found if language == "sql" and rest.strip() == mark]


@pytest.fixture(scope="module", params=[pytest.param("15", marks=pytest.mark.slow), "18"])
def seeded(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A server of its own: one that was started with pg_stat_statements, and whose roles others do not share."""
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    try:
        server = Postgres(folder, version=request.param)
    except PartUnavailable as unavailable:
        shutil.rmtree(folder)
        cannot_run(str(unavailable))
    try:
        server.start()
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        server.restart()
        server.create_database("runbook")
        config = config_for(server, "runbook")
        up(config)
        asyncio.run(_seed(config))
        with psycopg.connect(server.dsn("runbook"), autocommit=True) as connection:
            yield connection
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


async def _seed(config: DatabaseConfig) -> None:
    async with await open_pool(config) as pool:
        await write_seeds(pool, rows=500, seed=1, users=3, progress=lambda _rows: None)


def test_every_statement_runs_in_the_order_of_the_page(seeded: psycopg.Connection[tuple[object, ...]]) -> None:
    statements = blocks("")
    assert len(statements) > 20
    for statement in statements:
        # A closed set of files in this repository, not input.
        seeded.execute(statement.encode())


def test_the_checks_of_the_drill_find_nothing_wrong_in_a_sound_database(
    seeded: psycopg.Connection[tuple[object, ...]],
) -> None:
    (double,) = [text for text in blocks("") if "times FROM image_outcomes" in text]
    assert seeded.execute(double.encode()).fetchall() == []
    (invalid,) = [text for text in blocks("") if "NOT convalidated" in text]
    cursor = seeded.execute(invalid.encode())
    assert cursor.fetchall() == []
    assert cursor.nextset()
    assert cursor.fetchall() == []


def test_the_retention_deletes_what_is_old_and_nothing_else(seeded: psycopg.Connection[tuple[object, ...]]) -> None:
    (delete,) = [text for text in blocks("") if text.startswith("DELETE")]
    count = "SELECT count(*) FROM classification_records"
    with seeded.transaction(force_rollback=True):
        before = seeded.execute(count).fetchone()
        assert seeded.execute(delete.encode()).rowcount == 0
        old = seeded.execute(
            "UPDATE classification_records SET timestamp = now() - interval '3 years' "
            "WHERE id IN (SELECT id FROM classification_records LIMIT 7)"
        )
        assert old.rowcount == 7
        assert seeded.execute(delete.encode()).rowcount == 7
        assert before is not None
        assert seeded.execute(count).fetchone() == (int(str(before[0])) - 7,)


def test_what_needs_aurora_is_marked_and_nothing_else_is() -> None:
    assert {mark.strip() for language, mark, _ in BLOCK.findall(RUNBOOK.read_text("utf-8")) if language == "sql"} == {
        "",
        "aurora",
    }
    assert all(any(name in text for name in AURORA_ONLY) for text in blocks("aurora"))
    assert not [text for text in blocks("") if any(name in text for name in AURORA_ONLY)]


def test_the_page_says_that_nothing_was_run_on_aws() -> None:
    assert "Nothing on this page was run on AWS." in RUNBOOK.read_text("utf-8")
