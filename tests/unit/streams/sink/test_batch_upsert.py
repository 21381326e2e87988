import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from persistence.upsert import Upserted
from streams.runtime.outages import Outages
from streams.sink import batch_upsert
from streams.sink.batch_upsert import BatchUpsert
from streams.sink.rows import Record
from tests.records import classification


class Store:
    """A database that answers once it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def upsert_isolating(self, labels: Sequence[Record], _others: Sequence[Record]) -> tuple[Upserted, list[Any]]:
        await self.released.wait()
        return Upserted(inserted=len(labels)), []


async def test_a_database_that_is_silent_is_reported_before_its_statement_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_upsert, "SILENT_SECONDS", 0.01)
    store, outages, seen = Store(), Outages(), asyncio.Event()
    outages.listen(lambda _component: seen.set())
    anything: Any = store
    storing = asyncio.create_task(BatchUpsert(anything, outages)([classification()]))
    async with asyncio.timeout(60):
        await seen.wait()
    (outage,) = outages.current
    assert (outage.component, outage.error) == ("database", "no answer for 0.01 s")
    store.released.set()
    assert await storing == [None]
    assert outages.current == ()


async def test_a_quick_answer_declares_nothing() -> None:
    store, outages = Store(), Outages()
    store.released.set()
    begun: list[str] = []
    outages.listen(begun.append)
    anything: Any = store
    assert await BatchUpsert(anything, outages)([classification()]) == [None]
    assert begun == []
