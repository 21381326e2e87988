from collections.abc import Callable

import pytest

from persistence.pool import Pool
from persistence.reads import count_outcomes
from persistence.records import ClassificationRecord
from persistence.seed import NotSeeds, write_seeds
from persistence.store import Store


async def test_seeds_are_written_once_however_often_they_are_sown(pool: Pool) -> None:
    done: list[int] = []
    assert await write_seeds(pool, rows=1200, seed=1, users=3, progress=done.append) == 1200
    assert done == [500, 500, 200]
    assert await write_seeds(pool, rows=1200, seed=1, users=3, progress=done.append) == 0
    assert (await count_outcomes(pool)).objects == 1200


async def test_a_database_with_other_rows_is_left_alone_unless_somebody_agreed(
    pool: Pool, store: Store, classification: Callable[..., ClassificationRecord]
) -> None:
    await store.upsert([classification()])
    with pytest.raises(NotSeeds):
        await write_seeds(pool, rows=10, seed=1, users=3, progress=lambda _rows: None)
    assert (await count_outcomes(pool)).objects == 1
    await write_seeds(pool, rows=10, seed=1, users=3, beside_others=True, progress=lambda _rows: None)
    assert (await count_outcomes(pool)).objects == 11
