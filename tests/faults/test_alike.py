"""If everything fails the same way it is an outage, whatever the code says; and one user's heap of junk is none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from streams.contracts import decode_rejected
from tests import sabotage
from tests.chaos.plan import pictures
from tests.http_faults import Answers, Ask, HttpFaults, Message, send
from tests.sabotage import Sabotage
from tests.world import World, metric

MANY = 60
GUARDED = {"ALIKE_REJECTIONS_MAX": "10"}


@pytest.fixture(scope="module")
def cat(chelsea: bytes, coffee: bytes) -> bytes:
    return pictures(chelsea, coffee)[0][0]


@pytest.fixture
def store(world: World) -> Iterator[HttpFaults]:
    with HttpFaults(str(world.stack.objects.endpoint_url)) as proxy:
        yield proxy
        world.stop()


class ErrorPage:
    """What a load balancer shows for everything, and says that all is well."""

    async def exchange(self, _request: Message, _ask: Ask, client: asyncio.StreamWriter) -> None:
        body = b"<html><h1>Sorry, we will be back soon</h1></html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}"
        await send(client, Message(head.encode(), body))


def put(world: World, data: bytes, count: int, name: str) -> list[str]:
    keys = [f"uploads/ann/{name}-{i}.jpg" for i in range(count)]
    for key in keys:
        world.put(key, data)
    return keys


def warnings(worker: Worker) -> str:
    said = worker.health() or {}
    assert said.get("status") != "failing"
    return str(said.get("warnings"))


async def rejected(world: World) -> list[str]:
    return [decode_rejected(message.value).reason for message in await world.events("image-rejections")]


@pytest.mark.parametrize("before", [5, 0], ids=["warm", "cold"])
async def test_a_decoder_that_broke_rejects_nothing_and_when_it_is_mended_all_are_classified(
    world: World, cat: bytes, tmp_path: Path, before: int
) -> None:
    broken = Sabotage(tmp_path, sabotage.DECODER)
    (worker,) = world.start("classify", env=broken.env)
    world.start("bridge", "sink")
    keys = put(world, cat, before, "before")
    world.wait_outcomes(*keys)
    broken.do()
    keys += put(world, cat, MANY, "during")
    world.eventually(lambda: "nothing is rejected since" in warnings(worker))
    assert "the decoder refuses a good JPEG, too" in warnings(worker)
    assert metric(worker, 'petstream_degraded{component="guard"}') == 1
    await asyncio.sleep(5)
    assert await rejected(world) == []
    broken.mend()
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")
    world.eventually(lambda: warnings(worker) == "[]")
    assert await rejected(world) == []


@pytest.mark.parametrize("before", [5, 0], ids=["warm", "cold"])
async def test_an_error_page_instead_of_every_object_rejects_nothing(
    world: World, cat: bytes, store: HttpFaults, before: int
) -> None:
    (worker,) = world.start("classify", env={"S3_ENDPOINT_URL": store.url})
    world.start("bridge", "sink")
    keys = put(world, cat, before, "before")
    world.wait_outcomes(*keys)
    store.behave(ErrorPage())
    keys += put(world, cat, MANY, "during")
    world.eventually(lambda: "what answers may not be the store" in warnings(worker))
    await asyncio.sleep(3)
    assert await rejected(world) == []
    store.mend()
    assert world.wait_outcomes(*keys, within_seconds=90) == dict.fromkeys(keys, "cat")
    assert await rejected(world) == []


async def test_a_store_that_has_nothing_any_more_is_an_outage_after_a_few(
    world: World, cat: bytes, store: HttpFaults
) -> None:
    (worker,) = world.start("classify", env={"S3_ENDPOINT_URL": store.url, **GUARDED})
    world.start("bridge", "sink")
    world.wait_outcomes(*put(world, cat, 2, "before"))
    store.behave(Answers(404, "NoSuchKey"))
    keys = put(world, cat, MANY, "during")
    world.eventually(lambda: "pictures are all missing" in warnings(worker))
    await asyncio.sleep(5)
    blamed = await rejected(world)
    assert blamed == ["missing"] * 9
    store.mend()
    outcomes = world.wait_outcomes(*keys, within_seconds=90)
    assert [outcomes[key] for key in keys].count("cat") == MANY - 9
    world.eventually(lambda: warnings(worker) == "[]")


async def test_sixty_files_of_junk_by_one_user_are_sixty_rejections_and_nobody_waits(world: World, cat: bytes) -> None:
    _, worker, _ = world.start("bridge", "classify", "sink")
    junk = put(world, b"Dear diary, no picture at all.\n" * 9, MANY, "diary") + put(world, cat[:-900], MANY, "torn")
    good = put(world, cat, 3, "good")
    outcomes = world.wait_outcomes(*junk, *good)
    assert [outcomes[key] for key in junk] == ["unsupported_format"] * MANY + ["undecodable"] * MANY
    assert [outcomes[key] for key in good] == ["cat"] * 3
    assert metric(worker, 'petstream_retries_total{component="guard"}') == 0


async def test_a_key_pattern_that_fits_no_key_is_an_outage_until_somebody_says_that_it_is_meant(
    world: World, cat: bytes
) -> None:
    wrong = {"S3_KEY_PATTERN": "elsewhere/{user_name}/{name}"}
    _, worker, _ = world.start("bridge", "classify", "sink", env={**wrong, **GUARDED, "SHUTDOWN_SECONDS": "1"})
    keys = put(world, cat, 30, "during")
    world.eventually(lambda: "pictures are all no_user" in warnings(worker))
    assert await rejected(world) == ["no_user"] * 9
    worker.process.stop(30)
    world.start("classify", env={**wrong, "ALIKE_REJECTIONS_MAX": "0"})
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "no_user")
