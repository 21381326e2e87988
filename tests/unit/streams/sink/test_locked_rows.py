from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from persistence.errors import PersistenceError, RowLockedError, TransientPersistenceError
from persistence.upsert import Upserted
from streams.runtime.outages import Outages
from streams.sink import locked_rows
from streams.sink.batch_upsert import BatchUpsert
from streams.sink.rows import Record
from tests.records import classification, rejection


class Store:
    """Tables of which some rows are locked, or which do not answer."""

    def __init__(self, *locked: int, error: PersistenceError | None = None) -> None:
        self.ids = {UUID(int=each) for each in locked}
        self.error = error or RowLockedError("canceling statement due to lock timeout", sqlstate="55P03")
        self.answers = True
        self.stored: list[UUID] = []
        self.asked: list[int] = []

    async def upsert_isolating(self, labels: Sequence[Record], others: Sequence[Record]) -> tuple[Upserted, list[Any]]:
        ids = [record.id for record in (*labels, *others)]
        if self.ids & set(ids) or not self.answers:
            raise self.error
        self.stored += ids
        return Upserted(inserted=len(ids)), []

    async def locked(self, ids: Sequence[UUID]) -> set[UUID]:
        self.asked.append(len(ids))
        if not self.answers:
            raise TransientPersistenceError("away")
        return self.ids & set(ids)


def rows(*numbers: int) -> list[Record]:
    return [(classification if number % 2 else rejection)(id=UUID(int=number)) for number in numbers]


def batches(store: Store) -> BatchUpsert:
    anything: Any = store
    return BatchUpsert(anything, Outages())


async def test_locked_rows_are_set_aside_and_the_others_are_stored() -> None:
    store = Store(3, 4)
    stored, refused, aside = await batches(store).upsert_unlocked(rows(1, 2, 3, 4, 5))
    assert (stored.inserted, refused, aside) == (3, [], {UUID(int=3), UUID(int=4)})
    assert set(store.stored) == {UUID(int=each) for each in (1, 2, 5)}


async def test_what_is_known_to_be_locked_is_not_waited_for_again_and_stored_once_it_is_free() -> None:
    store = Store(3)
    batch = batches(store)
    upsert, locked = batch.upsert_unlocked, batch._locked
    await upsert(rows(3))
    store.error = AssertionError("it is not tried")  # type: ignore[assignment]
    assert (await upsert(rows(3, 5)))[2] == {UUID(int=3)}
    assert locked.any
    store.ids.clear()
    assert (await upsert(rows(3)))[2] == set()
    assert (store.stored, locked.any) == ([UUID(int=5), UUID(int=3)], False)


@pytest.mark.parametrize(
    "error", [TransientPersistenceError("statement timeout", sqlstate="57014"), TransientPersistenceError("silence")]
)
async def test_a_lock_is_also_found_where_no_lock_timeout_is_set(error: TransientPersistenceError) -> None:
    error.__cause__ = TimeoutError() if error.sqlstate is None else None
    assert (await batches(Store(3, error=error)).upsert_unlocked(rows(3, 5)))[2] == {UUID(int=3)}


async def test_a_database_that_is_away_is_reported() -> None:
    store = Store(error=TransientPersistenceError("connection refused", sqlstate="08006"))
    store.answers = False
    with pytest.raises(TransientPersistenceError, match="connection refused"):
        await batches(store).upsert_unlocked(rows(1))
    assert store.asked == []
    store.error = RowLockedError("lock timeout", sqlstate="55P03")
    with pytest.raises(RowLockedError):
        await batches(store).upsert_unlocked(rows(1))


async def test_a_table_that_is_locked_is_no_rows_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locked_rows, "LOCKED_MAX", 2)
    with pytest.raises(RowLockedError):
        await batches(Store(1, 2, 3)).upsert_unlocked(rows(1, 2, 3, 4))
