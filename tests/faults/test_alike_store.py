"""If everything fails the same way it is an outage, whatever the store answers, and whatever the key pattern fits."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.local.pipeline import Worker
from tests.chaos.plan import pictures
from tests.faults.alike import GUARDED, MANY, Guarded, warnings
from tests.http_faults import Answers, Ask, HttpFaults, Message, send
from tests.world import World

OF_TEN = 9
"""What is still rejected where ten in a row are too many."""


class ErrorPage:
    """What a load balancer shows for everything, and says that all is well."""

    async def exchange(self, _request: Message, _ask: Ask, client: asyncio.StreamWriter) -> None:
        body = b"<html><h1>Sorry, we will be back soon</h1></html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}"
        await send(client, Message(head.encode(), body))


@pytest.fixture(scope="module")
def store(module_world: World) -> Iterator[HttpFaults]:
    with HttpFaults(str(module_world.stack.objects.endpoint_url)) as proxy:
        yield proxy
        module_world.stop()


@pytest.fixture(scope="module")
def guarded(module_world: World, chelsea: bytes, coffee: bytes) -> Guarded:
    module_world.start("bridge", "sink", wait=False)
    return Guarded(module_world, pictures(chelsea, coffee)[0][0])


@pytest.fixture(scope="module")
def worker(guarded: Guarded, store: HttpFaults) -> Iterator[Worker]:
    (started,) = guarded.world.start("classify", env={"S3_ENDPOINT_URL": store.url, **GUARDED})
    yield started
    started.process.stop(30)


@pytest.mark.parametrize("before", [0, 5], ids=["cold", "warm"])
async def test_an_error_page_instead_of_every_object_rejects_nothing(
    guarded: Guarded, worker: Worker, store: HttpFaults, before: int
) -> None:
    state = "warm" if before else "cold"
    keys = guarded.put(guarded.cat, before, f"{state}-before")
    guarded.world.wait_outcomes(*keys)
    store.behave(ErrorPage())
    met = store.misbehaved
    keys += guarded.put(guarded.cat, MANY, f"{state}-during")
    guarded.world.eventually(lambda: "what answers may not be the store" in warnings(worker))
    guarded.world.eventually(lambda: store.misbehaved >= met + 3 * MANY)
    assert await guarded.rejected() == []
    store.mend()
    guarded.assert_cats(keys)
    guarded.world.eventually(lambda: warnings(worker) == "[]")
    assert await guarded.rejected() == []


async def test_a_store_that_has_nothing_any_more_is_an_outage_after_a_few(
    guarded: Guarded, worker: Worker, store: HttpFaults
) -> None:
    guarded.world.wait_outcomes(*guarded.put(guarded.cat, 2, "before"))
    store.behave(Answers(404, "NoSuchKey"))
    keys = guarded.put(guarded.cat, MANY, "gone")
    guarded.wait_doubted(worker, "pictures are all missing")
    assert await guarded.rejected() == ["missing"] * OF_TEN
    store.mend()
    outcomes = guarded.world.wait_outcomes(*keys, within_seconds=90)
    assert [outcomes[key] for key in keys].count("cat") == MANY - OF_TEN
    guarded.world.eventually(lambda: warnings(worker) == "[]")
