"""The schema changes under rows: from every version up and down again, and what the guidelines store stays as it is."""

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
SELECT 'user ' || n % 7, 's3://b/{version}/' || n, CASE n % 2 WHEN 0 THEN 'cat' ELSE 'dog' END, n / 1000.0, n,
       TIMESTAMPTZ '2026-03-01 12:00Z' + n * INTERVAL '1 second'
  FROM generate_series(1, {rows}) n
"""
INSERT_REJECTIONS = """
INSERT INTO image_rejections (id, reason, timestamp, source_bucket, source_key, upload_event)
SELECT gen_random_uuid(), 'missing', now(), 'b', 'no/{version}/' || n, 'event' FROM generate_series(1, {rows}) n
"""


def fetch(config: DatabaseConfig, statement: str) -> list[tuple[object, ...]]:
    with connect(config) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def records(config: DatabaseConfig) -> tuple[object, ...]:
    """How many there are, and what stands for all that the guidelines store of them."""
    (counted,) = fetch(
        config,
        "SELECT count(*), md5(string_agg(record::text, ' ' ORDER BY id)) "
        f"FROM (SELECT {GUIDELINE_COLUMNS} FROM classification_records) record",
    )
    return counted


def rejections(config: DatabaseConfig) -> int:
    return int(str(fetch(config, "SELECT count(*) FROM image_rejections")[0][0]))


def has_rejections(config: DatabaseConfig) -> bool:
    return fetch(config, "SELECT to_regclass('image_rejections') IS NOT NULL") == [(True,)]


def test_rows_stay_as_they_are_from_each_version_up_and_down_and_up(empty_database: DatabaseConfig) -> None:
    """Every version gets rows of its own, in its own form, and those of the versions before are there already."""
    before: tuple[object, ...] = (0, None)
    rejected = 0
    for number, version in enumerate(IDS, 1):
        up(empty_database, to=version)
        assert records(empty_database) == before, version
        fetch(empty_database, INSERT_RECORDS.format(rows=ROWS, version=version))
        before = records(empty_database)
        assert before[0] == number * ROWS
        if has_rejections(empty_database):
            fetch(empty_database, INSERT_REJECTIONS.format(rows=ROWS, version=version))
            rejected += ROWS
            assert rejections(empty_database) == rejected
    assert rejected

    for version in reversed(IDS):
        planned = sum(loss.rows for loss in plan_down(empty_database, version) if loss.table == "image_rejections")
        lost = rejected if version < "0005" else 0
        assert planned == lost, f"said before it is done: {version}"
        down(empty_database, version)
        rejected -= lost
        assert records(empty_database) == before, version
        assert has_rejections(empty_database) == (version >= "0005")
        if has_rejections(empty_database):
            assert rejections(empty_database) == rejected, version
    up(empty_database)
    assert records(empty_database) == before
    assert rejections(empty_database) == 0
