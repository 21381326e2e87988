"""``petstream records`` on a real database: what a person types, and what comes back."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from persistence.pool import DatabaseConfig, open_pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store
from streams.cli import app
from tests.records import object_id

Petstream = Callable[..., Result]


@pytest.fixture
def records(
    database: DatabaseConfig,
    classification: Callable[..., ClassificationRecord],
    rejection: Callable[..., RejectionRecord],
) -> Petstream:
    async def fill() -> None:
        async with await open_pool(database) as pool:
            await Store(pool).upsert(
                [classification(f"{n}.jpg") for n in range(5)] + [classification("=x\x1b[2J", user_name="=cmd()")],
                [rejection("bad.jpg", user_name="ben")],
            )

    asyncio.run(fill())

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(
            app,
            ["records", *arguments],
            env={
                "DATABASE_HOST": database.host,
                "DATABASE_PORT": str(database.port),
                "DATABASE_NAME": database.database,
                "DATABASE_USERNAME": database.username,
                "DATABASE_PASSWORD": str(database.password),
                "DATABASE_SSL": "false",
                **environment,
            },
        )

    return run


def test_cursors_lead_from_page_to_page_until_nothing_follows(records: Petstream) -> None:
    seen: list[str] = []
    more: list[str] = []
    for _ in range(10):
        result = records("--user", "ann", "--limit", "2", "--format", "json", "--columns", "image_url", *more)
        assert result.exit_code == 0, result.output
        seen += [json.loads(line)["image_url"] for line in result.stdout.splitlines()]
        cursor = re.search(r"(--after=\S+)", result.stderr)
        if cursor is None:
            break
        more = [cursor[1]]
    assert sorted(seen) == [f"s3://photos/{n}.jpg" for n in range(5)]


def test_one_object_is_found_by_id_and_by_url(records: Petstream) -> None:
    for name in ("s3://photos/bad.jpg", str(object_id("bad.jpg"))):
        result = records(name, "--format", "csv", "--columns", "user_name, outcome,reason")
        assert list(csv.reader(io.StringIO(result.stdout)))[1] == ["ben", "rejected", "undecodable"]


def test_what_an_uploader_chose_reaches_neither_terminal_nor_spreadsheet_alive(records: Petstream) -> None:
    table = records("--user", "=cmd()", "--columns", "user_name,source_key").stdout
    assert "\x1b" not in table
    assert r"=x\u001b[2J" in table
    written = records("--user", "=cmd()", "--columns", "user_name,source_key", "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(written)))[1] == ["'=cmd()", r"'=x\u001b[2J"]


def test_reading_goes_to_the_reader(records: Petstream) -> None:
    result = records(DATABASE_HOST="writer.invalid", DATABASE_READER_HOST="127.0.0.1")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--class", "bird"], "the classes are cat, dog, rejected"),
        (["--after", "nonsense"], "the cursor is not one that a page ended with"),
        (["--columns", "id,password"], "the columns are id,"),
        (["--since", "yesterday"], "A time is written like"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "range of time is empty"),
        (["--limit", "0"], "a page holds 1 to 10,000"),
        (["s3://bucket"], "named by its id or as s3://bucket/key"),
        (["s3://photos/unknown"], "Nothing is stored about this object."),
        (["s3://photos/bad.jpg", "--user", "ben"], "do not apply"),
        (["--user", "a\0b"], "invalid byte sequence"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(records: Petstream, arguments: list[str], sentence: str) -> None:
    result = records(*arguments)
    failed = any(said in sentence for said in ("Nothing is stored", "invalid byte"))
    assert result.exit_code == (1 if failed else 2), result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) == 1


def test_a_database_that_is_away_is_told_in_one_sentence(records: Petstream) -> None:
    result = records(DATABASE_PORT="1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
