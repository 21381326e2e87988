"""The schema changes under rows: from every version up and down again, and what the guidelines store stays as it is."""

import pytest

from persistence.manifest import migration_ids, migrations_folder
from persistence.migrate import down, up
from persistence.pool import DatabaseConfig
from persistence.rollback_plan import plan_down
from persistence.yoyo_backend import connect

IDS = migration_ids(migrations_folder())
ROWS = 500
GUIDELINE_COLUMNS = (
    "id, user_name, image_url, classification, confidence, processing_time, timestamp, created_at, updated_at"
)
INSERT_RECORDS = """
INSERT INTO classification_records (user_name, image_url, classification, confidence, processing_time, timestamp)
SELECT 'user ' || n % 7, 's3://b/' || n, CASE n % 2 WHEN 0 THEN 'cat' ELSE 'dog' END, n / 1000.0, n,
       TIMESTAMPTZ '2026-03-01 12:00Z' + n * INTERVAL '1 second'
  FROM generate_series(1, {rows}) n
"""
INSERT_REJECTIONS = """
INSERT INTO image_rejections (id, reason, timestamp, source_bucket, source_key, upload_event)
SELECT gen_random_uuid(), 'missing', now(), 'b', 'no/' || n, 'event' FROM generate_series(1, {rows}) n
"""


def fetch(config: DatabaseConfig, statement: str) -> list[tuple[object, ...]]:
    with connect(config) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def records(config: DatabaseConfig) -> list[tuple[object, ...]]:
    return fetch(config, f"SELECT {GUIDELINE_COLUMNS} FROM classification_records ORDER BY id")


def has_rejections(config: DatabaseConfig) -> bool:
    return fetch(config, "SELECT to_regclass('image_rejections') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize("version", IDS)
def test_rows_stay_as_they_are_from_each_version_up_and_down_and_up(
    empty_database: DatabaseConfig, version: str
) -> None:
    up(empty_database, to=version)
    fetch(empty_database, INSERT_RECORDS.format(rows=ROWS))
    with_rejections = has_rejections(empty_database)
    if with_rejections:
        fetch(empty_database, INSERT_REJECTIONS.format(rows=ROWS))
    before = records(empty_database)
    assert len(before) == ROWS

    up(empty_database)
    assert records(empty_database) == before
    for reached in reversed(IDS[: IDS.index(version) + 1]):
        planned = sum(loss.rows for loss in plan_down(empty_database, reached) if loss.table == "image_rejections")
        assert planned == (ROWS if with_rejections and reached < "0005" else 0), "said before it is done"
        down(empty_database, reached)
        assert records(empty_database) == before, reached
        assert has_rejections(empty_database) == (reached >= "0005")
        with_rejections = with_rejections and reached >= "0005"
    up(empty_database)
    assert records(empty_database) == before
    assert fetch(empty_database, "SELECT count(*) FROM image_rejections") == [(ROWS if with_rejections else 0,)]
