"""Sends one event from the queue to the row, in this process, and notes which files of the product it passes."""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, Final
from uuid import UUID

import numpy as np
import pytest

from inference.classifier import Classifier
from inference.manifest import InputSpec, Manifest
from inference.prediction import Prediction
from persistence.records import ClassificationRecord
from persistence.store import Store
from streams.bridge.bridge import Bridge
from streams.bridge.sqs import QueueMessage, SqsQueue
from streams.classify.agent import ClassifyAgent
from streams.classify.circuits import Circuits
from streams.classify.classify import Classify
from streams.classify.images import S3Images
from streams.classify.object_store import StoredImage
from streams.classify.owners import Owners
from streams.classify.serving import Inference, Rollout, Serving
from streams.classify.shadow import Pixels
from streams.classify.source import Source
from streams.consumer.acknowledgement import Delivery, InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.consumer.byte_budget import Budgets
from streams.consumer.intake import Intake
from streams.contracts import ImageClassified, Model
from streams.contracts.identity import image_id
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_UPLOADS
from streams.contracts.user_names import KeyPattern
from streams.kafka.publisher import Publisher
from streams.notifications.upload import ImageUploaded
from streams.retry.schedule import Schedule
from streams.runtime.outages import Outages
from streams.runtime.settings import KafkaSettings, load
from streams.sink.agent import SinkAgent
from streams.sink.batch_upsert import BatchUpsert
from tests.notifications import notification

ROOT: Final = Path(__file__).parents[1]
PRODUCT: Final = tuple(str(ROOT / package) + "/" for package in ("streams", "inference", "persistence"))
KEY: Final = "uploads/ann/cat.jpg"
ID: Final = image_id("pets", KEY)
PICTURE: Final = b"\xff\xd8\xff the bytes of a picture"
SIDE: Final = 8
VALUES: Final = (
    QueueMessage,
    Delivery,
    Source,
    ImageUploaded,
    StoredImage,
    np.ndarray,
    Prediction,
    ImageClassified,
    ClassificationRecord,
)
"""What the event is on its way."""
MANIFEST: Final = {
    "format": "petstream.model/1",
    "name": "m",
    "version": "1",
    "rev": 1,
    "labels": ["cat", "dog", "neither"],
    "classes": {"cat": "cat", "dog": "dog", "neither": "neither"},
    "input": {"size": SIDE, "resize": SIDE},
    "thresholds": {"accept": 0.5},
    "licence": "none",
    "provenance": {},
}


def is_event(value: object, depth: int = 2) -> bool:
    """Whether a value is the event, in one of its forms, or a collection with it."""
    if isinstance(value, bytes):
        return PICTURE in value or KEY.encode() in value
    if isinstance(value, list | tuple) and depth:
        return any(is_event(each, depth - 1) for each in value[:4])
    if isinstance(value, str):
        return value.startswith("{") and KEY in value
    return isinstance(value, VALUES)


@contextmanager
def following(passed: dict[str, set[str]]) -> Iterator[None]:
    """Note in ``passed`` each file, in order, with a function that takes or returns the event; with its functions."""

    def profile(frame: FrameType, event: str, returned: object) -> None:
        code = frame.f_code
        if event not in {"call", "return"} or not code.co_filename.startswith(PRODUCT):
            return
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        taken = (frame.f_locals.get(name) for name in arguments if name != "self")
        if is_event(returned) if event == "return" else any(map(is_event, taken)):
            passed.setdefault(code.co_filename.removeprefix(f"{ROOT}/"), set()).add(code.co_name)

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(before)


class Kafka:
    """The producer of each Publisher, and the topics that it fills."""

    def __init__(self, **_options: Any) -> None:
        pass

    topics: dict[str, list[SimpleNamespace]]

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def send(self, topic: str, *, key: bytes | None, value: bytes, headers: Any) -> Any:
        message = SimpleNamespace(
            tp=(topic, 0), generation_id=1, offset=0, partition=0, topic=topic, timestamp=0.0, headers=headers, key=key
        )
        Kafka.topics.setdefault(topic, []).append(SimpleNamespace(message=message, value=value, ack=lambda: None))
        confirmed = asyncio.get_running_loop().create_future()
        confirmed.set_result(None)
        return confirmed


class Stream:
    """Faust's stream of a topic that has one event."""

    def __init__(self, event: Any) -> None:
        self._event = event

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        yield self._event
        await asyncio.Event().wait()


class Sqs:
    """boto3's client of a queue with one message."""

    def __init__(self, body: str) -> None:
        self._messages = [{"MessageId": "1", "ReceiptHandle": "r", "Body": body}]
        self.deleted = threading.Event()

    def receive_message(self, **_options: Any) -> dict[str, Any]:
        taken, self._messages = self._messages, []
        return {"Messages": taken}

    def delete_message_batch(self, **_options: Any) -> dict[str, Any]:
        self.deleted.set()
        return {}


class Object:
    """obstore's answer."""

    meta: Final = {"size": len(PICTURE), "e_tag": '"abc"'}
    attributes: Final[dict[str, str]] = {}

    async def bytes_async(self) -> bytes:
        return PICTURE


class Decoder:
    """In place of the pool of child processes (``inference/decode``)."""

    replaced = 0

    @property
    def cpu_pool(self) -> "Decoder":
        return self

    async def decode(self, data: bytes) -> Pixels:
        assert data == PICTURE
        return np.zeros((SIDE, SIDE, 3), np.uint8)

    async def close(self) -> None:
        pass


class Engine:
    """In place of OpenVINO, CUDA and TorchScript (``inference/engines``): sees a cat."""

    name, tolerance, notes, lanes = "engine", 0.0, (), 1

    def run(self, images: Sequence[Pixels]) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.array([[0.9, 0.06, 0.04]] * len(images), np.float32)

    def close(self) -> None:
        pass


class Pool:
    """asyncpg's pool of connections; notes the rows."""

    def __init__(self) -> None:
        self.rows: list[UUID] = []
        self.stored = asyncio.Event()

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator["Pool"]:  # noqa: ASYNC109 - asyncpg's signature
        yield self

    async def fetchrow(self, _statement: str, *columns: Sequence[Any]) -> dict[str, int]:
        self.rows += columns[0]
        self.stored.set()
        return {"inserted": len(columns[0]), "updated": 0}


async def follow(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Each file that a cat's upload passes, in order, with the functions that took or returned it."""
    Kafka.topics = {}
    monkeypatch.setattr("streams.kafka.publisher.AIOKafkaProducer", Kafka)

    async def get(*_arguments: Any, **_options: Any) -> Object:
        return Object()

    monkeypatch.setattr("obstore.get_async", get)
    settings = load(KafkaSettings, kafka_bootstrap_servers="localhost:9092")
    pool: Any = Pool()
    passed: dict[str, set[str]] = {}
    async with Publisher(settings, Outages()) as publisher:
        with following(passed):
            async with asyncio.timeout(60):
                await _bridge(publisher)
                await _until(_classify(publisher), lambda: IMAGE_CLASSIFICATIONS in Kafka.topics)
                await _until(_store(publisher, pool), pool.stored.is_set)
    assert pool.rows == [ID]
    return passed


async def _bridge(publisher: Publisher) -> None:
    client: Any = Sqs(notification(KEY).decode())
    queue = SqsQueue(client, "queue", wait_seconds=0, visibility_seconds=60)
    bridge = Bridge(queue, publisher, Outages(), visibility_seconds=60, max_in_flight=10)
    stop = asyncio.Event()
    running = asyncio.create_task(bridge.run(stop))
    while not client.deleted.is_set():
        await asyncio.sleep(0)
    stop.set()
    await running


async def _classify(publisher: Publisher) -> None:
    engine: Any = Engine()
    classifier = Classifier(engine, Manifest.from_json(json.dumps(MANIFEST)), "0" * 64, 4)
    threads: Any = None  # the loop's own
    batcher = Batcher(Inference(threads), max_size=4, max_wait_seconds=0)
    model = Model(name="m", version="1", rev=1, sha256="0" * 64)
    rollout = Rollout(Serving(model, InputSpec(size=SIDE, resize=SIDE), classifier, Decoder(), Decoder(), Decoder()))
    circuits = Circuits(Outages())
    store = S3Images(lambda: None, region="eu-central-1", access_key_id="a", secret_access_key="b")
    classify = Classify(
        store=store,
        rollout=rollout,
        batcher=batcher,
        budgets=Budgets.of(1000),
        owners=Owners(KeyPattern("uploads/{user_name}/{name}"), None),
        max_bytes=1000,
        circuits=circuits,
    )
    agent = ClassifyAgent(
        classify,
        batcher,
        publisher,
        _intake(IMAGE_UPLOADS),
        schedule=Schedule((), timedelta(hours=1)),
        circuit=circuits.classifier,
    )
    await agent.run(Stream(Kafka.topics[IMAGE_UPLOADS][0]))


async def _store(publisher: Publisher, pool: Any) -> None:
    batcher = Batcher(BatchUpsert(Store(pool), Outages()), max_size=10, max_wait_seconds=0)
    agent = SinkAgent(batcher, publisher, _intake(IMAGE_CLASSIFICATIONS), Outages())
    await agent.run(Stream(Kafka.topics[IMAGE_CLASSIFICATIONS][0]))


def _intake(topic: str) -> Intake:
    return Intake(InOrderAcknowledgement(), topics=[topic], topic_prefix="", max_in_flight=10)


async def _until(work: Any, holds: Any) -> None:
    task = asyncio.create_task(work)
    while not holds() and not task.done():
        await asyncio.sleep(0)
    for _ in range(20):  # the acknowledgement
        await asyncio.sleep(0)
    if task.done():
        await task
    task.cancel()
