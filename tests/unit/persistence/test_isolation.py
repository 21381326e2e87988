import asyncio
import math
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.errors import MassRefusal, PermanentPersistenceError, TransientPersistenceError
from persistence.isolation import Isolation
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.refusals import RefusalLimits, RefusalRun
from persistence.upsert import Upserted
from tests.records import classification, rejection

ANYTHING_GOES = RefusalLimits(share=1.0, same_cause=10_000)


def labelled(number: int) -> ClassificationRecord:
    return classification(id=uuid.UUID(int=number))


def rejected(number: int) -> RejectionRecord:
    return rejection(id=uuid.UUID(int=number))


class Tables:
    """Refuse a call in which any of the given ids occurs; remember the rows of the others."""

    def __init__(self, poison: set[int]) -> None:
        self.poison = poison
        self.stored: set[int] = set()
        self.calls = 0

    async def upsert(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord]
    ) -> Upserted:
        self.calls += 1
        numbers = {record.id.int for record in classifications} | {record.id.int for record in rejections}
        if found := numbers & self.poison:
            raise PermanentPersistenceError(f"{min(found)}", sqlstate="23514", constraint=f"c{min(found)}")
        self.stored |= numbers
        return Upserted(inserted=len(numbers))


@given(st.integers(0, 40), st.integers(0, 40), st.data())
def test_every_bad_row_is_named_with_its_own_error_and_every_other_row_is_stored(
    of_one_kind: int, of_the_other: int, data: st.DataObject
) -> None:
    rows = of_one_kind + of_the_other
    poison = data.draw(st.sets(st.integers(0, rows - 1), max_size=5)) if rows else set()
    tables = Tables(poison)
    isolation = Isolation(tables.upsert, RefusalRun(ANYTHING_GOES), rows=rows)
    upserted = asyncio.run(
        isolation.store([labelled(n) for n in range(of_one_kind)], [rejected(n) for n in range(of_one_kind, rows)])
    )
    assert tables.stored == set(range(rows)) - poison
    assert upserted.inserted == len(tables.stored)
    assert {refused.record.id.int for refused in isolation.refused} == poison
    assert all(str(refused.error) == str(refused.record.id.int) for refused in isolation.refused)
    # Two calls per bad row and halving, never one per row.
    assert tables.calls <= 3 + 2 * len(poison) * (1 + math.ceil(math.log2(max(rows, 1) or 1)))


async def test_five_bad_rows_of_five_hundred_cost_dozens_of_calls() -> None:
    tables = Tables({7, 130, 260, 391, 499})
    isolation = Isolation(tables.upsert, RefusalRun(RefusalLimits()), rows=500)
    await isolation.store([labelled(n) for n in range(500)], ())
    assert len(isolation.refused) == 5
    assert len(tables.stored) == 495
    assert tables.calls < 90


async def test_a_batch_that_is_refused_by_the_dozen_stops_before_the_rest_is_tried() -> None:
    tables = Tables(set(range(500)))
    isolation = Isolation(tables.upsert, RefusalRun(RefusalLimits()), rows=500)
    with pytest.raises(MassRefusal, match="101 of at most 500"):
        await isolation.store([labelled(n) for n in range(500)], ())
    assert tables.calls < 250


async def test_an_outage_in_the_middle_ends_the_search() -> None:
    class Failing(Tables):
        async def upsert(
            self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord]
        ) -> Upserted:
            if self.calls == 2:
                raise TransientPersistenceError
            return await super().upsert(classifications, rejections)

    isolation = Isolation(Failing({3}).upsert, RefusalRun(RefusalLimits()), rows=8)
    with pytest.raises(TransientPersistenceError):
        await isolation.store([labelled(n) for n in range(8)], ())
