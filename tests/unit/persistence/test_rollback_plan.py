from persistence.rollback_plan import Loss, dropped_by


def test_tables_and_columns_that_a_rollback_drops_are_found() -> None:
    rollback = """
        -- DROP TABLE only_a_remark;
        SET LOCAL lock_timeout = '5s';
        alter table if exists animals drop column if exists colour, DROP COLUMN weight;
        ALTER TABLE animals DROP CONSTRAINT IF EXISTS animals_check;
        DROP VIEW IF EXISTS zoo; DROP INDEX CONCURRENTLY IF EXISTS i;
        DROP TABLE IF EXISTS cages;
    """
    assert list(dropped_by(rollback)) == [("animals", "colour"), ("animals", "weight"), ("cages", None)]


def test_a_loss_reads_as_a_sentence_for_people() -> None:
    assert str(Loss("0005.x", "cages", None, 12345)) == "table cages (12,345 rows)"
    assert str(Loss("0002.x", "animals", "colour", 7)) == "column animals.colour (7 rows)"
