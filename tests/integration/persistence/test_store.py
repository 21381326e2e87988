import uuid
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from persistence.errors import MassRefusal, MisconfiguredDatabase, PermanentPersistenceError
from persistence.pool import Pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.refusals import RefusalLimits
from persistence.store import Store, Upserted

Classification = Callable[..., ClassificationRecord]
Rejection = Callable[..., RejectionRecord]
R = TypeVar("R", ClassificationRecord, RejectionRecord)

BAD_VALUES: dict[str, dict[str, Any]] = {
    "NUL in text": {"source_key": "uploads/\0.jpg"},
    "unknown label": {"classification": "bird"},
    "label of eleven characters": {"classification": "hippopotami"},
    "confidence above one": {"confidence": Decimal("1.5")},
    "confidence that overflows": {"confidence": Decimal(12)},
    "confidence that is no number": {"confidence": Decimal("NaN")},
    "user of 256 characters": {"user_name": "a" * 256},
    "no user": {"user_name": None},
    "time beyond the integers": {"processing_time": 2**31},
    "text for a number": {"processing_time": "fast"},
    "malformed id": {"id": "not-a-uuid"},
    "lone surrogate": {"image_url": "s3://photos/\ud800"},
}


def forged(record: R, **changes: Any) -> R:
    """A record that skipped its own checks: what the database's constraints are there for."""
    made = object.__new__(type(record))
    for field in fields(record):
        object.__setattr__(made, field.name, changes.get(field.name, getattr(record, field.name)))
    return made


@pytest.mark.parametrize("bad", BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_a_bad_value_is_refused_before_any_statement(classification: Classification, bad: dict[str, Any]) -> None:
    with pytest.raises(PermanentPersistenceError):
        classification(**bad)


@pytest.mark.parametrize("bad", BAD_VALUES.values(), ids=BAD_VALUES.keys())
async def test_a_bad_row_that_gets_through_is_isolated_and_its_neighbours_are_stored(
    store: Store, pool: Pool, classification: Classification, bad: dict[str, Any]
) -> None:
    good = [classification(str(n)) for n in range(9)]
    poison = forged(classification("poison"), **bad)
    upserted, refused = await store.upsert_isolating([*good[:4], poison, *good[4:]])
    assert upserted == Upserted(inserted=9)
    assert [one.record for one in refused] == [poison]
    assert await pool.fetchval("SELECT count(*) FROM classification_records") == 9


async def test_all_kinds_of_bad_rows_in_one_batch_are_isolated_from_both_tables(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    good = [classification(str(n)) for n in range(100)]
    poison = [forged(classification(f"bad{n}"), **bad) for n, bad in enumerate(BAD_VALUES.values())]
    rejected = [rejection(str(n)) for n in range(100, 150)]
    bad_rejection = forged(rejection("bad"), reason="boredom")
    mixed = [row for start in range(12) for row in (poison[start], *good[start::12])]
    upserted, refused = await store.upsert_isolating(mixed, [*rejected, bad_rejection])
    assert upserted == Upserted(inserted=150)
    assert {id(one.record) for one in refused} == {id(row) for row in [*poison, bad_rejection]}
    assert refused[-1].error.constraint == "image_rejections_reason_check"
    assert refused[-1].error.sqlstate == "23514"


async def test_a_batch_with_a_bad_row_is_stored_as_a_whole_or_not_at_all(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    with pytest.raises(PermanentPersistenceError):
        await store.upsert([classification("1")], [forged(rejection("2"), reason="boredom")])
    assert await pool.fetchval("SELECT count(*) FROM image_outcomes") == 0


async def test_a_batch_without_bad_rows_costs_one_call(store: Store, classification: Classification) -> None:
    assert await store.upsert_isolating([classification(str(n)) for n in range(5)]) == (Upserted(inserted=5), [])


async def test_a_constraint_that_refuses_everything_gives_up_no_row(
    own_pool: Pool, classification: Classification
) -> None:
    await own_pool.execute("ALTER TABLE classification_records ADD CONSTRAINT oops CHECK (user_name <> 'ann')")
    store = Store(own_pool)
    with pytest.raises(MassRefusal) as refusal:
        await store.upsert_isolating([classification(str(n)) for n in range(100)])
    assert refusal.value.constraint == "oops"
    # Mended, the very same rows go in.
    await own_pool.execute("ALTER TABLE classification_records DROP CONSTRAINT oops")
    assert await store.upsert_isolating([classification(str(n)) for n in range(100)]) == (Upserted(inserted=100), [])


async def test_a_constraint_that_refuses_everything_is_noticed_at_one_row_a_time(
    own_pool: Pool, classification: Classification
) -> None:
    await own_pool.execute("ALTER TABLE classification_records ADD CONSTRAINT oops CHECK (user_name <> 'ann')")
    store = Store(own_pool, RefusalLimits(same_cause=3))
    for n in range(2):
        _, refused = await store.upsert_isolating([classification(str(n))])
        assert len(refused) == 1
    for _ in range(3):
        with pytest.raises(MassRefusal):
            await store.upsert_isolating([classification("2")])


async def test_a_missing_table_is_nobodys_bad_row(own_pool: Pool, classification: Classification) -> None:
    await own_pool.execute("DROP VIEW image_outcomes; ALTER TABLE classification_records RENAME TO gone")
    with pytest.raises(MisconfiguredDatabase) as error:
        await Store(own_pool).upsert_isolating([classification()])
    assert error.value.sqlstate == "42P01"


async def test_a_missing_column_is_nobodys_bad_row(own_pool: Pool, classification: Classification) -> None:
    await own_pool.execute("ALTER TABLE classification_records RENAME COLUMN model_name TO modelname")
    with pytest.raises(MisconfiguredDatabase) as error:
        await Store(own_pool).upsert_isolating([classification()])
    assert error.value.sqlstate == "42703"


async def test_whatever_a_record_accepts_the_database_accepts(
    store: Store, classification: Classification, rejection: Rejection
) -> None:
    user = "\N{CAT FACE}" * 255  # characters, not bytes
    labelled = classification(
        "k" * 1024, user_name=user, confidence=Decimal("1.0000"), processing_time=2**31 - 1, model_rev=2**31 - 1
    )
    rejected = rejection("\x01\ufffe\U0010ffff", user_name="z", detail="x" * 100_000, upload_event=b"")
    anonymous = rejection("3", user_name=None, id=uuid.uuid4())
    assert await store.upsert([labelled], [rejected, anonymous]) == Upserted(inserted=3)
