import hashlib
import json
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.classifier import Classifier, load
from inference.engines import Choice, EngineName, choose, installed
from inference.errors import EngineFailure, ModelUnusable
from inference.manifest import Manifest
from inference.model.archive import archive

SIDE = 32
MANIFEST: dict[str, Any] = {
    "format": "petstream.model/1",
    "name": "colours",
    "version": "1",
    "rev": 1,
    "labels": ["red", "green", "blue"],
    "classes": {"red": "cat", "green": "dog", "blue": "neither"},
    "input": {"size": SIDE, "resize": 34},
    "thresholds": {"accept": 0.5},
    "licence": "none",
    "provenance": {},
}
ENGINES = ["torchscript", "openvino"]
Images = Sequence[NDArray[np.uint8]]


class Colours(torch.nn.Module):
    """The mean of each channel says how red (cat), green (dog), blue (neither) a picture is."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.float().mean((1, 2)) / 16).softmax(1)


class Unnormalised(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((1, 2))


class NotANumber(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((1, 2)) * float("nan")


class OneRow(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((0, 1, 2)).softmax(0)[None].expand(2, 3)


class TwoLabels(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((1, 2))[:, :2].softmax(1)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(module: torch.nn.Module | None = None, **changes: Any) -> Path:
        path = tmp_path / "model.pt"
        manifest = json.dumps(MANIFEST | changes).encode()
        path.write_bytes(archive((module or Colours()).eval(), SIDE, {"manifest.json": manifest}))
        return path

    return write


def painted(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


CAT, DOG, NEITHER = painted((200, 0, 0)), painted((0, 200, 0)), painted((0, 0, 200))


@pytest.mark.parametrize("engine", ENGINES)
def test_predictions_are_as_many_and_in_order(written: Callable[..., Path], engine: Any) -> None:
    classifier = load(written(), engine=engine, threads=2, max_batch_size=4)
    images = [CAT, DOG, NEITHER, DOG, CAT, CAT, NEITHER, DOG, DOG]
    labels = [prediction.label for prediction in classifier.predict(images)]
    assert labels == ["cat", "dog", "neither", "dog", "cat", "cat", "neither", "dog", "dog"]
    assert classifier.predict([]) == []
    classifier.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_images_are_left_as_they_were(written: Callable[..., Path], engine: Any) -> None:
    classifier = load(written(), engine=engine, threads=2)
    images = [np.random.default_rng(n).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for n in range(9)]
    before = [image.copy() for image in images]
    first = classifier.predict(images)
    assert classifier.predict(images) == first
    assert all(np.array_equal(image, copy) for image, copy in zip(images, before, strict=True))
    classifier.close()


@pytest.mark.usefixtures("without_cuda")
def test_what_loading_freed_goes_back_to_the_system_once_the_model_is_verified(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr("inference.classifier._verify", lambda *_: done.append("verified"))
    monkeypatch.setattr("inference.engines.allocator.release_freed_pages", lambda: done.append("released"))
    load(written(), threads=1).close()
    assert done == ["verified", "released"]


def test_a_loaded_model_says_what_it_is(written: Callable[..., Path]) -> None:
    path = written()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    classifier = load(path, sha256=sha256.upper(), threads=1)
    assert classifier.sha256 == sha256
    assert classifier.engine == "openvino cpu"
    assert classifier.why == "no CUDA device; openvino is installed, and faster than torchscript"
    assert isinstance(classifier.manifest, Manifest)
    classifier.close()


def test_labels_of_one_class_are_added(written: Callable[..., Path]) -> None:
    classifier = load(written(classes={"red": "cat", "green": "cat", "blue": "dog"}), threads=1)
    [prediction] = classifier.predict([painted((100, 100, 90))])
    assert prediction.label == "cat"
    assert prediction.scores.neither == 0
    assert prediction.confidence == pytest.approx(2 / (2 + np.exp(-10 / 16)), abs=1e-5)
    classifier.close()


def test_a_threshold_that_is_given_replaces_the_models_own(written: Callable[..., Path]) -> None:
    unsure = painted((110, 100, 90))  # cat 0.54, dog 0.29
    path = written(thresholds={"accept": 0.8})  # of cat and dog together
    for accept, label, decides in ((None, "cat", 0.8), (0.5, "cat", 0.5), (0.6, "neither", 0.6), (0.0, "cat", 0.0)):
        classifier = load(path, threads=1, accept=accept)
        [prediction] = classifier.predict([unsure])
        assert (prediction.label, classifier.thresholds.accept) == (label, decides)
        classifier.close()


def test_threads_that_predict_at_once_get_their_own_answers(written: Callable[..., Path]) -> None:
    classifier = load(written(), engine="openvino", threads=2)
    wrong: list[object] = []

    def ask(images: Images, label: str) -> None:
        wrong.extend(p for _ in range(40) for p in classifier.predict(images) if p.label != label)

    threads = [threading.Thread(target=ask, args=([image] * 3, label)) for image, label in ((CAT, "cat"), (DOG, "dog"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    classifier.close()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((SIDE, SIDE), np.uint8),
        np.zeros((SIDE + 1, SIDE, 3), np.uint8),
        np.zeros((SIDE, SIDE, 3), np.float32),
        np.zeros((1, SIDE, SIDE, 3), np.uint8),
    ],
)
def test_an_image_of_another_shape_or_type_is_refused(written: Callable[..., Path], image: NDArray[Any]) -> None:
    classifier = load(written(), threads=1)
    with pytest.raises(ValueError, match="the model takes uint8"):
        classifier.predict([CAT, image])
    classifier.close()


class Scripted:
    name = "scripted"
    tolerance = 0.05
    notes = ()
    lanes = 1

    def __init__(self, rows: NDArray[np.float32] | Exception) -> None:
        self.rows = rows

    def run(self, images: Images) -> NDArray[np.float32]:
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.ones((1, 3), np.float32) / 3, r"gave \(1, 3\) for 2 images"),
        (np.ones((2, 2), np.float32) / 2, r"gave \(2, 2\) for 2 images"),
        (np.full((2, 3), np.nan, np.float32), "no probabilities"),
        (np.full((2, 3), 0.9, np.float32), "no probabilities"),
        (np.array([[1.5, -0.5, 0], [1, 0, 0]], np.float32), "no probabilities"),
        (RuntimeError("device lost\nat line 1"), "RuntimeError: device lost"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "OutOfMemoryError: CUDA out of memory"),
    ],
)
def test_an_engine_that_answers_nonsense_is_a_failure_of_the_engine(rows: Any, said: str) -> None:
    manifest = Manifest.from_json(json.dumps(MANIFEST))
    with pytest.raises(EngineFailure, match=said):
        Classifier(Scripted(rows), manifest, "", 32).predict([CAT, DOG])


@pytest.mark.parametrize("lanes", [1, 2])
def test_as_many_batches_are_in_an_engine_as_it_has_lanes(lanes: int) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    class Counting(Scripted):
        def run(self, images: Images) -> NDArray[np.float32]:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with lock:
                inside -= 1
            return super().run(images)

    engine = Counting(np.full((1, 3), 1 / 3, np.float32))
    engine.lanes = lanes
    classifier = Classifier(engine, Manifest.from_json(json.dumps(MANIFEST)), "", 1)
    assert classifier.lanes == lanes
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(classifier.predict, [[CAT]] * 12))
    assert most == lanes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("module", [Unnormalised, NotANumber, OneRow, TwoLabels])
def test_a_module_that_gives_no_probabilities_is_refused(
    written: Callable[..., Path], module: type[torch.nn.Module], engine: Any
) -> None:
    with pytest.raises(ModelUnusable) as refusal:
        load(written(module()), engine=engine, threads=1)
    assert str(refusal.value).endswith(".")


def test_a_wrong_checksum_is_refused_and_the_right_one_is_reported(written: Callable[..., Path]) -> None:
    path = written()
    with pytest.raises(ModelUnusable, match=hashlib.sha256(path.read_bytes()).hexdigest()) as refusal:
        load(path, sha256="0" * 64)
    assert "MODEL_SHA256" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04broken"])
def test_what_is_no_torchscript_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ModelUnusable, match="petstream model export"):
        load(path)


@pytest.mark.parametrize("name", ["missing.pt", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnusable, match="cannot be read"):
        load(tmp_path / name)


def test_a_truncated_file_is_refused(written: Callable[..., Path]) -> None:
    path = written()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelUnusable):
        load(path)


def test_a_plain_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(ModelUnusable, match="no TorchScript"):
        load(tmp_path / "model.pt")


def test_a_file_without_a_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(archive(Colours().eval(), SIDE, {}))
    with pytest.raises(ModelUnusable, match="_extra_files"):
        load(path)


def test_a_manifest_that_breaks_a_rule_is_refused(written: Callable[..., Path]) -> None:
    with pytest.raises(ModelUnusable, match="rev"):
        load(written(rev=-1))


def test_a_manifest_with_another_input_size_is_refused(written: Callable[..., Path]) -> None:
    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(SIDE * SIDE * 3, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.linear(images.float().flatten(1)).softmax(1)
            return scores

    for engine in ENGINES:
        with pytest.raises(ModelUnusable):
            load(written(Fixed(), input={"size": SIDE * 2, "resize": SIDE * 2}), engine=engine, threads=1)  # type: ignore[arg-type] # a literal, of two


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_does_not_reproduce_the_golden_answers_is_refused(
    written: Callable[..., Path], engine: Any
) -> None:
    golden = [{"pattern": 0, "scores": [0.2, 0.3, 0.5]}]
    with pytest.raises(ModelUnusable, match="does not reproduce"):
        load(written(golden=golden), engine=engine, threads=1)


def test_an_unknown_engine_is_refused(written: Callable[..., Path]) -> None:
    with pytest.raises(ModelUnusable, match="choose one of auto, cuda, openvino, torchscript"):
        load(written(), engine="abacus")  # type: ignore[arg-type] # on purpose


@pytest.mark.usefixtures("without_cuda")
def test_without_openvino_auto_takes_torchscript(written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.is_installed", lambda library: library != "openvino")
    classifier = load(written(), threads=1)
    assert classifier.engine == "torchscript cpu"
    assert classifier.why == "no CUDA device; openvino is not installed"
    classifier.close()
    with pytest.raises(ModelUnusable, match="not installed"):
        load(written(), engine="openvino")


def test_without_torch_auto_asks_no_driver_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.is_installed", lambda library: library != "torch")
    monkeypatch.setattr("inference.engines.driver.is_loadable", lambda: True)
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: None)
    assert choose("auto") == Choice("openvino", "cpu", "torch is not installed, so no GPU was looked for")
    assert installed() == ("openvino",)


@pytest.mark.parametrize("engine", ["auto", "openvino"])
def test_without_any_engine_it_says_what_to_install(engine: EngineName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.is_installed", lambda _library: False)
    with pytest.raises(ModelUnusable, match=r"not installed: install petstream with its extra classify$"):
        choose(engine)


def test_a_file_that_is_replaced_while_it_loads_is_the_one_that_was_checked(
    written: Callable[..., Path],
) -> None:
    path = written()
    content = path.read_bytes()
    classifier = load(path, sha256=hashlib.sha256(content).hexdigest(), threads=1)
    written(name="another", classes={"red": "dog", "green": "cat", "blue": "neither"})
    assert classifier.manifest.name == "colours"
    assert classifier.predict([CAT])[0].label == "cat"
    classifier.close()


def test_loading_is_silent(written: Callable[..., Path]) -> None:
    path = written()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(path, threads=1).close()
