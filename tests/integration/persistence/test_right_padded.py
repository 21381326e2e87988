"""Migration 0012, and who writes before, during and after it: no overwrite is lost to the order of deployment."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persistence.migrate import down, up
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.store import Store, Upserted
from persistence.versions import stored_versions
from persistence.yoyo_backend import connect
from streams.contracts.identity import NO_SEQUENCER, pad_sequencer
from tests.records import classification, object_id, rejection

CAT, DOG = "0055AED6DCD90281E5", "0055AED6DCD91"
TABLES = ("classification_records", "image_rejections")


def padded_before(sequencer: str) -> str:
    return sequencer.rjust(64, "0")


def execute(config: DatabaseConfig, statement: str, *values: object) -> list[tuple[object, ...]]:
    with connect(config) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def insert(config: DatabaseConfig, key: str, sequencer: str, label: str = "cat") -> None:
    """As somebody writes who knows nothing of the rule."""
    execute(
        config,
        "INSERT INTO classification_records (id, user_name, image_url, classification, confidence, processing_time, "
        "timestamp, source_bucket, source_key, source_sequencer) "
        "VALUES (%s, 'ann', 'x', %s, 0.5, 1, '2026-03-01 12:00Z', 'photos', %s, %s)",
        *(object_id(key), label, key, sequencer),
    )
    execute(
        config,
        "INSERT INTO image_rejections "
        "(id, reason, timestamp, source_bucket, source_key, source_sequencer, upload_event) "
        "VALUES (%s, 'missing', '2026-03-01 12:00Z', 'photos', %s, %s, '')",
        *(object_id(key), key, sequencer),
    )


def sequencers(config: DatabaseConfig) -> list[list[object]]:
    return [
        [row[0] for row in execute(config, f"SELECT source_sequencer FROM {table} ORDER BY source_key")]
        for table in TABLES
    ]


def test_stored_sequencers_are_converted_in_both_tables_and_nothing_else_is(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0011")
    told = [CAT, DOG, "0", "F" * 64, "00F0", "16A1B2C3D4E5F607"]
    for number, sequencer in enumerate(told):
        insert(empty_database, str(number), padded_before(sequencer))
    unchanged = [f"SELECT id, updated_at, timestamp, created_at FROM {table} ORDER BY id" for table in TABLES]
    before = [execute(empty_database, select) for select in unchanged]

    up(empty_database)
    right = [pad_sequencer(sequencer) for sequencer in told]
    assert sequencers(empty_database) == [right, right]
    assert [execute(empty_database, select) for select in unchanged] == before

    # The code of before finds its own form again, but for zeros at the end.
    down(empty_database, "0011")
    again = [padded_before(sequencer.rstrip("0")) for sequencer in told]
    assert sequencers(empty_database) == [again, again]
    up(empty_database)
    assert sequencers(empty_database) == [right, right]


def test_more_rows_than_a_portion_are_converted_and_a_second_run_finds_nothing(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0011")
    rows = 4_500
    execute(
        empty_database,
        "INSERT INTO image_rejections "
        "(id, reason, timestamp, source_bucket, source_key, source_sequencer, upload_event) "
        "SELECT gen_random_uuid(), 'missing', now(), 'b', n::text, lpad(upper(to_hex(n)), 64, '0'), '' "
        f"FROM generate_series(1, {rows}) n",
    )
    for _ in range(2):
        up(empty_database)
        padded = "rpad(upper(to_hex(source_key::int)), 64, '0')"
        right = f"SELECT count(*) FROM image_rejections WHERE source_sequencer = {padded}"
        assert execute(empty_database, right) == [(rows,)]
        execute(
            empty_database, "DELETE FROM _yoyo_migration WHERE migration_id ~ '^0012'"
        )  # as if killed before its mark


def test_a_row_that_the_code_of_before_writes_is_padded_as_it_is_stored(database: DatabaseConfig) -> None:
    insert(database, "k", padded_before(CAT))
    assert sequencers(database) == [[pad_sequencer(CAT)]] * 2
    for table in TABLES:
        execute(database, f"UPDATE {table} SET source_sequencer = %s", padded_before(DOG))
        with pytest.raises(Exception, match="source_sequencer_check"):
            execute(database, f"UPDATE {table} SET source_sequencer = 'A'")
    assert sequencers(database) == [[pad_sequencer(DOG)]] * 2


@pytest.mark.parametrize("migrated", ["0011", "0012"])
async def test_the_later_upload_wins_before_and_after_the_migration(
    empty_database: DatabaseConfig, migrated: str
) -> None:
    up(empty_database, to="0011")
    insert(empty_database, "k", padded_before(CAT))
    up(empty_database, to=migrated)
    async with await open_pool(empty_database) as pool:
        store = Store(pool)
        for sequencer in (DOG, CAT, DOG.removeprefix("00")):
            for form in (pad_sequencer, padded_before):
                expected = Upserted(updated=2) if (sequencer, form) == (DOG, pad_sequencer) else Upserted(stale=2)
                version = form(sequencer)
                label = classification("k", source_sequencer=version, classification="dog")
                assert await store.upsert([label], [rejection("k", source_sequencer=version)]) == expected
        found = (await stored_versions(pool, [object_id("k")]))[object_id("k")]
        assert found.sequencer == pad_sequencer(DOG)
        assert await pool.fetchval("SELECT outcome FROM image_outcomes") == "dog"


async def test_uploads_are_stored_while_the_rows_are_converted(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0011")
    keys = [str(number) for number in range(5_000)]
    cats = [classification(key, source_sequencer=pad_sequencer(CAT), classification="cat") for key in keys]
    dogs = [classification(key, source_sequencer=pad_sequencer(DOG), classification="dog") for key in keys]
    async with await open_pool(empty_database) as pool:
        store = Store(pool)
        await store.upsert(cats, [])
        await pool.execute("UPDATE classification_records SET source_sequencer = $1", padded_before(CAT))
        converting = asyncio.create_task(asyncio.to_thread(up, empty_database))
        updated = 0
        for start in range(0, len(dogs), 250):
            updated += (await store.upsert(dogs[start : start + 250], [])).updated
        await converting
        assert updated == len(keys)
        assert await pool.fetchval("SELECT count(*) FROM image_outcomes WHERE outcome = 'dog'") == len(keys)
    assert set(sequencers(empty_database)[0]) == {pad_sequencer(DOG)}


async def test_a_row_of_before_is_not_replaced_by_an_older_upload(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0011")
    insert(empty_database, "k", padded_before(DOG), "dog")
    async with await open_pool(empty_database) as pool:
        store = Store(pool)
        older = classification("k", source_sequencer=pad_sequencer(CAT), classification="cat")
        assert await store.upsert([older], []) == Upserted(stale=1)
        newer = rejection("k", source_sequencer=pad_sequencer("0055AED6DCD92"))
        assert await store.upsert([], [newer]) == Upserted(updated=1)
        # One table has the old form now and the other one the new.
        insert(empty_database, "m", padded_before(DOG), "dog")
        await pool.execute(
            "UPDATE image_rejections SET source_sequencer = $1 WHERE source_key = 'm'", pad_sequencer(CAT)
        )
        found = await stored_versions(pool, [object_id("k"), object_id("m")])
        assert found[object_id("k")].sequencer == newer.source_sequencer
        assert (found[object_id("m")].sequencer, found[object_id("m")].reason) == (pad_sequencer(DOG), None)


digits = st.text("0123456789ABCDEF", max_size=64)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(digits, min_size=1, max_size=20))
async def test_the_statements_pad_as_the_parser_does(pool: Pool, told: list[str]) -> None:
    padded = "SELECT rpad(ltrim(v, '0'), 64, '0') FROM unnest($1::text[]) WITH ORDINALITY AS t(v, n) ORDER BY n"
    found = [row[0] for row in await pool.fetch(padded, [padded_before(each) for each in told])]
    assert found == [pad_sequencer(each) for each in told]
    assert all(each == NO_SEQUENCER or not each.startswith("0") for each in found)
