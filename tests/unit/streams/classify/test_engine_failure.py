"""A device that runs out of memory is an outage: the pictures are neither rejected nor acknowledged, and come again."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.classifier import Classifier
from inference.errors import EngineFailure
from inference.manifest import InputSpec, Manifest
from inference.prediction import Prediction
from streams.classify.agent import ClassifyAgent
from streams.classify.circuits import Circuits
from streams.classify.serving import Inference, Serving
from streams.classify.shadow import Pixels
from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.consumer.intake import Intake
from streams.contracts import ImageClassified
from streams.notifications.upload import ImageUploaded
from streams.retry.attempt import Attempt
from streams.retry.schedule import Schedule
from streams.runtime.outages import Outages
from tests.notifications import notification
from tests.unit.streams.consumer.test_agents import MODEL, Broker, Stream, Verdicts, classified

SIDE = 8
MANIFEST = Manifest.from_json(
    b'{"format": "petstream.model/1", "name": "m", "version": "1", "rev": 1, "labels": ["cat", "dog", "neither"],'
    b'"classes": {"cat": "cat", "dog": "dog", "neither": "neither"}, "input": {"size": 8, "resize": 8},'
    b'"thresholds": {"accept": 0.5}, "licence": "none", "provenance": {}}'
)


class FullDevice:
    """An engine whose device has no memory left."""

    name = "cuda cuda:0 half"
    tolerance = 0.25
    notes = ()
    lanes = 1

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def close(self) -> None:
        pass


class Judged(Verdicts):
    """The use case behind its decoding: every upload's pixels go to the batcher."""

    def __init__(self, batcher: Batcher[tuple[Serving, Pixels], Prediction], serving: Serving) -> None:
        self.batcher, self.serving = batcher, serving

    async def __call__(self, upload: ImageUploaded, message: bytes, attempt: Attempt | None = None) -> ImageClassified:
        await self.batcher.submit((self.serving, np.zeros((SIDE, SIDE, 3), np.uint8)))
        return classified(upload.key)


@pytest.fixture
def engine_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_a_device_without_memory_stops_the_worker_and_rejects_and_acknowledges_no_picture(
    engine_thread: ThreadPoolExecutor,
) -> None:
    predictor = Classifier(FullDevice(), MANIFEST, "", 32)
    decoder: Any = None  # the pixels come from Judged
    serving = Serving(MODEL, InputSpec(size=SIDE, resize=SIDE), predictor, decoder, decoder, decoder)
    batcher = Batcher(Inference(engine_thread), max_size=4, max_wait_seconds=0)
    broker: Any = Broker()
    broker.confirms.set()
    stream = Stream([notification("a.jpg"), notification("b.jpg"), notification("c.jpg")], "image-uploads")
    acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
    intake = Intake(acknowledgement, topics=[], topic_prefix="", max_in_flight=10)
    use_case: Any = Judged(batcher, serving)
    schedule, circuit = Schedule.of((60, 600, 3600), 24), Circuits(Outages()).classifier
    agent = ClassifyAgent(use_case, batcher, broker, intake, schedule=schedule, circuit=circuit)
    with pytest.raises(BaseExceptionGroup) as failure:
        await agent.run(stream)
    assert failure.group_contains(EngineFailure, match=r"^cuda cuda:0 half failed on .* OutOfMemoryError: ")
    assert broker.published == []
    assert stream.acked == []
