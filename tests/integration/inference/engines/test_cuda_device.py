"""What needs a GPU: graphs, streams, pinned memory, and every development picture in half precision."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.classifier import load
from inference.decode import Limits
from inference.decode.device.pool import DeviceDecodePool
from inference.decode.pool import DecodePool
from inference.engines.cuda_options import Options
from inference.lab.evaluate import evaluate_folder, read_labels
from inference.model import golden
from inference.prediction import LABELS, Prediction

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        (Options("half", graphs=True), 1e-2),
        (Options("half", graphs=False), 1e-2),
        (Options("float32", graphs=True), 1e-3),
    ],
    ids=str,
)
def test_all_development_pictures_keep_their_labels_and_scores(
    model_file: Path, data: Path, options: Options, tolerance: float
) -> None:
    exact = load(model_file, engine="torchscript")
    device = load(model_file, engine="cuda", max_batch_size=64, cuda=options)
    assert device.engine == f"cuda cuda:0 {options.precision}{' graphs' if options.graphs else ''}", device.why
    results = [evaluate_folder(data / "dev" / "labels.csv", each, Limits()) for each in (exact, device)]
    exact.close()
    device.close()
    for one, another in zip(*(result.outcomes for result in results), strict=True):
        assert isinstance(one.answer, Prediction)
        assert isinstance(another.answer, Prediction)
        assert one.answer.label == another.answer.label, one.labelled.path
        for label in LABELS:
            difference = getattr(one.answer.scores, label) - getattr(another.answer.scores, label)
            assert abs(difference) < tolerance, one.labelled.path


@pytest.mark.parametrize("count", [1, 3, 8, 64, 65, 128, 129, 300])
def test_each_picture_gets_its_own_scores_through_graphs_and_streams(model_file: Path, count: int) -> None:
    exact = load(model_file, engine="torchscript")
    device = load(model_file, engine="cuda", max_batch_size=512)
    images = [golden.draw(number % 64, exact.manifest.input.size) for number in range(count)]
    expected = exact.predict(images[:64])
    for _ in range(3):
        actual = device.predict(images)
        for number, scores in enumerate(actual):
            of = expected[number % 64].scores
            assert np.allclose(
                (scores.scores.cat, scores.scores.dog, scores.scores.neither), (of.cat, of.dog, of.neither), atol=1e-2
            )
    exact.close()
    device.close()


def test_a_model_is_loaded_beside_one_that_serves(model_file: Path) -> None:
    """A hot swap: graphs are recorded on one thread while another one computes."""
    from concurrent.futures import ThreadPoolExecutor

    serving = load(model_file, engine="cuda", max_batch_size=16)
    images = [golden.draw(number, serving.manifest.input.size) for number in range(16)]
    expected = serving.predict(images)
    with ThreadPoolExecutor(1) as other:
        loading = other.submit(load, model_file, engine="cuda", max_batch_size=16)
        while not loading.done():
            assert serving.predict(images) == expected
        beside = loading.result()
    assert "graphs" in beside.engine, beside.why
    assert [each.label for each in beside.predict(images)] == [each.label for each in expected]
    serving.close()
    beside.close()


def test_auto_takes_the_device(model_file: Path) -> None:
    classifier: Any = load(model_file)
    assert classifier.engine.startswith("cuda cuda:0 half")
    assert classifier.why.startswith("torch sees ")
    classifier.close()


async def test_pictures_decoded_on_the_device_keep_their_labels(model_file: Path, data: Path) -> None:
    """Most scores, too: large pictures are scaled by libjpeg the usual way, and as a whole here."""
    pictures = [row.path.read_bytes() for row in read_labels(data / "dev" / "labels.csv")]
    classifier = load(model_file, engine="cuda", max_batch_size=64)
    spec = classifier.manifest.input
    async with DecodePool(2, spec, Limits()) as usual:
        expected = classifier.predict([await usual.decode(picture) for picture in pictures])
    pool = await DeviceDecodePool(DecodePool(2, spec, Limits()), spec, Limits()).start()
    actual = classifier.predict(await asyncio.gather(*(pool.decode(picture) for picture in pictures)))
    taken = pool.taken
    await pool.close()
    classifier.close()
    assert [each.label for each in actual] == [each.label for each in expected]
    moved = [abs(one.confidence - other.confidence) for one, other in zip(expected, actual, strict=True)]
    assert sum(difference > 0.01 for difference in moved) < len(pictures) / 20
    assert taken > len(pictures) / 2
    assert pool.replaced == 0
