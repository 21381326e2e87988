"""One classification, read back whole."""

from collections.abc import Callable
from uuid import uuid4

from persistence import classification_reads
from persistence.pool import Pool
from persistence.records import ClassificationRecord
from persistence.store import Store


async def test_a_classification_is_read_back_with_all_that_was_stored(
    pool: Pool, store: Store, classification: Callable[..., ClassificationRecord]
) -> None:
    record = classification(key="uploads/ann/cat.jpg")
    await store.upsert([record])
    found = await classification_reads.find(pool, record.id)
    assert found is not None
    for column in record.__slots__:
        assert getattr(found, column) == getattr(record, column), column
    assert found.created_at <= found.updated_at


async def test_what_is_not_stored_is_none(pool: Pool) -> None:
    assert await classification_reads.find(pool, uuid4()) is None
