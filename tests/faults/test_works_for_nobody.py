"""What works for nobody opens the circuit: nothing is rejected, nothing is put off, and it closes by itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from streams.contracts import decode_rejected
from tests import sabotage
from tests.chaos.plan import pictures
from tests.http_faults import Ask, HttpFaults, Message, send
from tests.sabotage import Sabotage
from tests.world import World, metric

MANY = 20


class ErrorPage:
    """What a load balancer shows for everything, and says that all is well."""

    async def exchange(self, _request: Message, _ask: Ask, client: asyncio.StreamWriter) -> None:
        body = b"<html><h1>Sorry, we will be back soon</h1></html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}"
        await send(client, Message(head.encode(), body))


@pytest.fixture(scope="module")
def cat(chelsea: bytes, coffee: bytes) -> bytes:
    return pictures(chelsea, coffee)[0][0]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sabotage]:
    decoder = Sabotage(Path(tmp_path_factory.mktemp("sabotage")), sabotage.DECODER)
    yield decoder
    decoder.mend()


@pytest.fixture(scope="module")
def store(module_world: World) -> Iterator[HttpFaults]:
    with HttpFaults(str(module_world.stack.objects.endpoint_url)) as proxy:
        yield proxy
        module_world.stop()


@pytest.fixture(scope="module")
def worker(module_world: World, store: HttpFaults, broken: Sabotage) -> Worker:
    module_world.start("bridge", "sink", wait=False)
    (started,) = module_world.start("classify", env={"S3_ENDPOINT_URL": store.url, **broken.env})
    return started


def put(world: World, data: bytes, count: int, name: str) -> list[str]:
    keys = [f"uploads/ann/{name}-{number}.jpg" for number in range(count)]
    for key in keys:
        world.put(key, data)
    return keys


async def rejected(world: World) -> list[str]:
    return [decode_rejected(message.value).reason for message in await world.events("image-rejections")]


def warnings(worker: Worker) -> str:
    said = worker.health() or {}
    assert said.get("status") != "failing"
    return str(said.get("warnings"))


async def test_a_decoder_that_broke_rejects_nothing_and_when_it_is_mended_all_are_classified(
    module_world: World, cat: bytes, worker: Worker, broken: Sabotage
) -> None:
    broken.do()
    keys = put(module_world, cat, MANY, "during")
    module_world.eventually(lambda: "the decoder refuses a good JPEG, too" in warnings(worker))
    assert "no picture can be decoded since" in warnings(worker)
    assert metric(worker, 'petstream_degraded{component="inference"}') == 1
    broken.mend()
    outcomes = module_world.wait_outcomes(*keys)
    assert {outcomes[key] for key in keys} == {"cat"}
    module_world.eventually(lambda: warnings(worker) == "[]")
    assert await rejected(module_world) == []


async def test_an_error_page_instead_of_every_object_rejects_nothing(
    module_world: World, cat: bytes, worker: Worker, store: HttpFaults
) -> None:
    store.behave(ErrorPage())
    keys = put(module_world, cat, MANY, "page")
    module_world.eventually(lambda: "object_store is away" in warnings(worker))
    store.mend()
    outcomes = module_world.wait_outcomes(*keys)
    assert {outcomes[key] for key in keys} == {"cat"}
    module_world.eventually(lambda: warnings(worker) == "[]")
    assert await rejected(module_world) == []


async def test_a_heap_of_junk_by_one_user_is_a_heap_of_rejections_and_nobody_waits(
    module_world: World, cat: bytes, worker: Worker
) -> None:
    junk = put(module_world, b"Dear diary, no picture at all.\n" * 9, MANY, "diary")
    torn = put(module_world, cat[:-900], MANY, "torn")
    good = put(module_world, cat, 3, "good")
    outcomes = module_world.wait_outcomes(*junk, *torn, *good)
    assert [outcomes[key] for key in junk] == ["unsupported_format"] * MANY
    assert [outcomes[key] for key in torn] == ["undecodable"] * MANY
    assert [outcomes[key] for key in good] == ["cat"] * 3
    assert warnings(worker) == "[]"
