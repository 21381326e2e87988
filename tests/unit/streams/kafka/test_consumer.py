"""What every consumer of ours has. (How it reads and commits on a broker: the tests of whoever uses it.)"""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer import fetcher

from streams.kafka.client_tasks import ClientEndedError
from streams.kafka.consumer import Consumer
from streams.kafka.errors import BrokerRefusal, broker_errors
from streams.kafka.record_batches import LenientRecords


@pytest.fixture
async def consumer() -> AsyncIterator[Consumer]:
    made = Consumer(bootstrap_servers="127.0.0.1:1", group_id="group")
    yield made
    await made.stop()


def working(*, fetches: bool = True, keeps_to_its_group: bool | None = True) -> dict[str, Any]:
    """The tasks of a started client; None: it has no group."""
    loop = asyncio.get_running_loop()

    def task(*, runs: bool) -> Any:
        future = loop.create_future()
        if not runs:
            future.set_exception(KeyError("a mistake of the client's"))
            future.exception()
        future.get_coro = lambda: SimpleNamespace(__qualname__="routine")  # type: ignore[attr-defined]
        return future

    async def fetched_records(*_: object, **__: object) -> dict[Any, Any]:
        return {}

    coordinator = {} if keeps_to_its_group is None else {"_coordination_task": task(runs=keeps_to_its_group)}
    return {
        "_fetcher": SimpleNamespace(error_future=task(runs=fetches), fetched_records=fetched_records),
        "_coordinator": SimpleNamespace(**coordinator, check_errors=lambda: None),
    }


async def test_it_has_all_that_a_consumer_of_ours_needs(consumer: Consumer) -> None:
    assert not consumer._enable_auto_commit
    assert consumer._client._metadata_max_age_ms == 10_000
    assert fetcher.MemoryRecords is LenientRecords
    assert "heed_group_errors" in consumer._client.send.__qualname__


@pytest.mark.parametrize("ended", [{"fetches": False}, {"keeps_to_its_group": False}])
async def test_a_client_that_ended_is_told_of_instead_of_finding_nothing_for_ever(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, ended: dict[str, bool]
) -> None:
    for name, part in working(**ended).items():
        monkeypatch.setattr(consumer, name, part)
    with pytest.raises(ClientEndedError, match="a mistake of the client's"):
        await consumer.getmany(timeout_ms=1)
    with pytest.raises(BrokerRefusal, match="a mistake of the client's"), broker_errors():
        await consumer.getmany(timeout_ms=1)


@pytest.mark.parametrize("tasks", [{}, {"keeps_to_its_group": None}])
async def test_a_client_that_works_finds_what_there_is(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, tasks: dict[str, Any]
) -> None:
    for name, part in working(**tasks).items():
        monkeypatch.setattr(consumer, name, part)
    assert await consumer.getmany(timeout_ms=1) == {}
