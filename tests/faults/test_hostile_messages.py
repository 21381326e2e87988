"""Messages with any codec, any header and any timestamp: each ends as an outcome, and no process ends."""

import hashlib
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from streams.contracts import StorageDeadLetter
from streams.kafka.record_batches import UNPACKED_MAX_BYTES
from streams.kafka.scan import scan
from streams.replay.letters import read
from streams.runtime.settings import KafkaSettings
from streams.subscriber import Subscriber
from tests import raw_headers
from tests.raw_headers import Latin
from tests.world import World

CODECS = ("gzip", "snappy", "lz4", "zstd")
NULL: Any = None  # the client's types know no null, its protocol does


@pytest.fixture(scope="module")
def running(module_world: World) -> World:
    """A pipeline of their own: whoever reads all messages of the shared one would meet these."""
    module_world.start("bridge", "classify", "sink")
    return module_world


async def send(world: World, topic: str, value: bytes, *, codec: str | None = None, **more: Any) -> None:
    servers = world.stack.kafka.bootstrap_servers
    options = {"bootstrap_servers": servers, "compression_type": codec, "max_request_size": 2 * UNPACKED_MAX_BYTES}
    async with AIOKafkaProducer(**options) as producer:
        await producer.send_and_wait(world.prefix + topic, value, **more)


async def test_uploads_packed_by_each_codec_are_classified(running: World, upload_prefix: str, chelsea: bytes) -> None:
    keys = [f"{upload_prefix}{codec}.png" for codec in CODECS]
    for codec, key in zip(CODECS, keys, strict=True):
        running.put(key, chelsea)
        await send(running, "image-uploads", running.notification(key), codec=codec)
    running.wait_outcomes(*keys)
    for worker in running.workers:
        assert worker.process.poll() is None


@pytest.mark.durable  # else it may be a broker that does not repack
@pytest.mark.parametrize("codec", CODECS)
async def test_a_topic_that_repacks_everything_is_read(running: World, make_topic: Any, codec: str) -> None:
    name = make_topic(configs={"compression.type": codec})
    servers = running.stack.kafka.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(name, b"x" * 5000)
    settings = KafkaSettings.model_validate({"kafka_bootstrap_servers": servers})
    assert [message.value async for message in scan(settings, name)] == [b"x" * 5000]


@pytest.mark.parametrize(
    "more",
    [
        {"headers": [("traceparent", NULL)]},
        {"headers": [("traceparent", b"\xff"), ("traceparent", NULL), ("größe", b"\xc3\x28"), ("", b"")]},
        {"timestamp_ms": -70_000_000_000_000},
        {"timestamp_ms": -1},
    ],
    ids=["null", "repeated", "ancient", "no time"],
)
async def test_metadata_of_any_kind_ends_nobody(
    running: World, upload_prefix: str, chelsea: bytes, more: dict[str, Any]
) -> None:
    before = [worker.process.pid for worker in running.workers]
    key = f"{upload_prefix}hostile.png"
    running.put(key, chelsea)
    await send(running, "image-uploads", b"no notification, " + key.encode(), **more)
    await send(running, "image-uploads", running.notification(key), **more)
    await send(running, "image-classifications", b"no event, " + key.encode(), **more)
    running.wait_outcomes(key)
    running.eventually(
        lambda: running.rows(
            "SELECT 1 FROM image_rejections WHERE upload_event = %s", b"no notification, " + key.encode()
        )
    )
    subscriber = Subscriber(
        {"bootstrap_servers": running.stack.kafka.bootstrap_servers}, prefix=running.prefix, unknown="skip"
    )
    async with subscriber as events:
        async for received in events:
            if getattr(received.event, "key", None) == key:
                break
    for worker in running.workers:
        assert worker.process.poll() is None
    assert [worker.process.pid for worker in running.workers] == before


async def test_a_header_whose_name_is_no_text_ends_nobody(running: World, upload_prefix: str, chelsea: bytes) -> None:
    key = f"{upload_prefix}named.png"
    running.put(key, chelsea)
    servers, headers = running.stack.kafka.bootstrap_servers, [(Latin("größe"), b"1")]
    for topic in ("image-uploads", "image-classifications", "image-rejections"):
        await raw_headers.send(servers, running.prefix + topic, b"nothing", headers)
    await raw_headers.send(servers, running.prefix + "image-uploads", running.notification(key), headers)
    running.wait_outcomes(key)
    for worker in running.workers:
        assert worker.process.poll() is None


async def test_what_is_larger_unpacked_than_a_topic_takes_ends_as_a_rejection_and_a_dead_letter(
    running: World, upload_prefix: str, chelsea: bytes
) -> None:
    key = f"{upload_prefix}behind.png"
    running.put(key, chelsea)
    whole = key.encode() + b" " * 8_000_000
    checksum = hashlib.sha256(whole).hexdigest()
    for topic in ("image-uploads", "image-classifications"):
        await send(running, topic, whole, codec="gzip")
    await send(running, "image-uploads", running.notification(key))
    running.wait_outcomes(key)
    running.eventually(
        lambda: running.rows("SELECT 1 FROM image_rejections WHERE detail LIKE %s", f"%sha256 {checksum}]")
    )
    (row,) = running.rows("SELECT upload_event FROM image_rejections WHERE detail LIKE %s", f"%sha256 {checksum}]")
    assert row["upload_event"] == whole[:65_536]

    letters: list[StorageDeadLetter] = []
    while not letters:  # bounded by the test's own time-out
        found = [read(message) for message in await running.events("storage-dead-letters")]
        letters = [each.letter for each in found if each and each.letter.event_sha256 == checksum]
    assert (letters[0].event_truncated, letters[0].event) == (True, whole[:65_536])
    for worker in running.workers:
        assert worker.process.poll() is None


async def test_a_batch_that_unpacks_to_more_than_is_read_ends_nobody(
    running: World, upload_prefix: str, chelsea: bytes
) -> None:
    key = f"{upload_prefix}behind-the-bomb.png"
    running.put(key, chelsea)
    bomb = b" " * (UNPACKED_MAX_BYTES + 1)
    for topic in ("image-uploads", "image-classifications"):
        await send(running, topic, bomb, codec="zstd")
    await send(running, "image-uploads", running.notification(key))
    running.wait_outcomes(key)
    running.eventually(
        lambda: running.rows("SELECT 1 FROM image_rejections WHERE upload_event LIKE 'petstream did not read%%'::bytea")
    )
    for worker in running.workers:
        assert worker.process.poll() is None
