"""
The default model in half precision, which processors without it emulate: a second and more for each picture.

Scores of smaller networks are compared in tests/unit/inference/engines/test_half.py and test_cuda.py.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.classifier import load
from inference.decode import Limits, decode
from inference.engines.cuda import CudaEngine
from inference.engines.half import halved
from inference.lab.evaluate import read_labels
from inference.model import golden

SIDE = 260


@pytest.fixture(scope="module")
def module(model_file: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        return torch.jit.load(model_file, map_location="cpu").eval()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def in_half(module: Any) -> Iterator[CudaEngine]:
    """Each batch size is warmed up: small batches, and one engine for all."""
    engine = CudaEngine(module, SIDE, max_batch_size=2, device="cpu")
    assert engine.name == "cuda cpu half", engine.notes
    yield engine
    engine.close()


def test_a_pattern_keeps_its_scores(module: Any) -> None:
    """Of all patterns the one that leaves the model in most doubt."""
    patterns = torch.from_numpy(np.stack(golden.drawn(SIDE)))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        least = int(module(patterns).max(1).values.argmin())
        expected, actual = (run(patterns[least : least + 1]) for run in (module, halved(module)))
    assert float((actual - expected).abs().max()) < 1e-2
    assert not torch.equal(actual, expected), "it was computed otherwise"


@pytest.mark.slow
def test_patterns_keep_their_scores_and_labels(in_half: CudaEngine, module: Any) -> None:
    images = [golden.draw(number, SIDE) for number in range(8)]
    with torch.inference_mode():
        expected = module(torch.from_numpy(np.stack(images))).numpy()
    actual = in_half.run(images)
    assert np.abs(actual - expected).max() < 1e-2
    assert actual.argmax(1).tolist() == expected.argmax(1).tolist()


@pytest.mark.slow
def test_the_least_decided_development_pictures_keep_their_scores_and_labels(
    in_half: CudaEngine, model_file: Path, data: Path
) -> None:
    exact = load(model_file, engine="openvino")
    rows = read_labels(data / "dev" / "labels.csv")
    images = [decode(row.path.read_bytes(), exact.manifest.input, Limits()) for row in rows]
    expected = exact.predict(images)
    exact.close()
    # Where scores are steepest: all 379 are for a GPU, or for ten minutes.
    least = sorted(range(len(rows)), key=lambda index: expected[index].confidence)[:20]
    actual = in_half.run([images[index] for index in least])
    for index, scores in zip(least, actual, strict=True):
        of = expected[index].scores
        assert np.abs(scores - (of.cat, of.dog, of.neither)).max() < 1e-2, rows[index].path
        assert np.argmax(scores) == np.argmax((of.cat, of.dog, of.neither)), rows[index].path
