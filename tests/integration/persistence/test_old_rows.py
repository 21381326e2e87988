"""Rows that were written before a rule existed: none is altered, none is lost, and somebody is told of them."""

import psycopg
import pytest

from persistence.manifest import migrations_folder
from persistence.migrate import down, up
from persistence.pool import DatabaseConfig
from persistence.yoyo_backend import connect

BREAKING = """
INSERT INTO classification_records (user_name, image_url, classification, confidence, processing_time, timestamp)
VALUES ('', 'x', 'cat', 0.9, 5, now()), ('ann', 'x', 'cat', 0.9, 5, now());
INSERT INTO image_rejections (id, user_name, reason, timestamp, source_bucket, source_key, upload_event)
VALUES (gen_random_uuid(), NULL, 'no_user', now(), 'b', 'k', '')
"""
CHECKS = """
SELECT conname, convalidated FROM pg_constraint
 WHERE conname ~ '_(user_name|processing_time|timestamp)_check$' ORDER BY conname
"""
NAMES = "classification_records_user_name_check"
OTHERS = {
    "classification_records_processing_time_check",
    "classification_records_timestamp_check",
    "image_rejections_timestamp_check",
    "image_rejections_user_name_check",
}
VALIDATION = "0009.values-validated.sql"


def execute(config: DatabaseConfig, statement: str) -> list[tuple[object, ...]]:
    with connect(config) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def checks(config: DatabaseConfig) -> dict[str, bool]:
    return {str(name): valid is True for name, valid in execute(config, CHECKS)}


def test_old_rows_that_break_a_new_rule_are_kept_and_told_of_until_a_person_corrects_them(
    empty_database: DatabaseConfig,
) -> None:
    up(empty_database, to="0007")
    execute(empty_database, BREAKING)
    before = execute(empty_database, "SELECT * FROM classification_records ORDER BY id")

    (warning,) = [text for text in up(empty_database, to="0009").warnings if "old rows" in text]
    assert execute(empty_database, "SELECT * FROM classification_records ORDER BY id") == before
    assert checks(empty_database) == dict.fromkeys(OTHERS, True) | {NAMES: False}

    # What the warning says to look at shows the row, and no other.
    shown = warning.split("They are: ")[1].split(". Then run")[0]
    assert len(execute(empty_database, shown)) == 1
    execute(empty_database, "UPDATE classification_records SET user_name = 'nobody' WHERE user_name = ''")
    file = (migrations_folder() / VALIDATION).read_text("utf-8")
    for _ in range(2):
        execute(empty_database, f"BEGIN; {file} COMMIT")
        assert checks(empty_database) == dict.fromkeys(OTHERS, True) | {NAMES: True}


RULES = [
    ("classification_records", "user_name", "''"),
    ("classification_records", "processing_time", "-1"),
    ("classification_records", "timestamp", "'infinity'"),
    ("image_rejections", "user_name", "''"),
    ("image_rejections", "timestamp", "'-infinity'"),
]


@pytest.mark.parametrize("version", ["0008", "0009"])
def test_a_rule_holds_for_new_and_changed_rows_whether_or_not_old_ones_were_read(
    empty_database: DatabaseConfig, version: str
) -> None:
    up(empty_database, to="0007")
    execute(empty_database, BREAKING)
    up(empty_database, to=version)
    updates = {f"{table}_{column}_check": f"UPDATE {table} SET {column} = {value}" for table, column, value in RULES}
    for check, update in updates.items():
        with pytest.raises(psycopg.errors.CheckViolation, match=check):
            execute(empty_database, update)
    down(empty_database, "0007")
    for update in updates.values():
        execute(empty_database, update)


def test_validating_waits_for_no_reader_and_no_writer(empty_database: DatabaseConfig) -> None:
    up(empty_database, to="0008")
    with connect(empty_database) as other, other.transaction():
        other.execute("SELECT count(*) FROM image_rejections")
        other.execute(BREAKING.replace("('', 'x'", "('ben', 'x'"))
        assert up(empty_database, to="0009").ids == ("0009.values-validated",)
    assert set(checks(empty_database).values()) == {True}
