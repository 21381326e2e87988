"""An int8 file is a model of its own: one archive, its own name and answers, run by OpenVINO and by nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.classifier import load
from inference.decode import Limits
from inference.engines import Choice, fitting, installed
from inference.errors import ModelUnusable
from inference.lab.calibration_pictures import calibration_pictures
from inference.lab.evaluate import evaluate_folder
from inference.lab.quantize import Quantized, quantize
from inference.model import golden
from inference.model.file import NETWORK_FILES, read_manifest, with_files
from inference.prediction import Prediction
from streams.classify.model_artifact import exported
from tests import tiny_model

SIDE = tiny_model.SIDE
ON_A_GPU = Choice("cuda", "cuda", "torch sees one")
PICTURES = [
    np.random.default_rng(number).integers(0, [1 + 8 * number, 256 - 8 * number, 128], (SIDE, SIDE, 3)).astype(np.uint8)
    for number in range(30)
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(
        tmp_path_factory.mktemp("source") / "model.pt", tiny_model.Convolutions(), provenance={"by": "hand"}
    )


@pytest.fixture(scope="module")
def quantized(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    return quantize(source, PICTURES, tmp_path_factory.mktemp("int8") / "model.pt")


def scores(classifier: Any, images: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    return np.array([[each.scores.cat, each.scores.dog, each.scores.neither] for each in classifier.predict(images)])


def test_it_is_another_model_that_scores_much_the_same(source: Path, quantized: Quantized) -> None:
    one, other = load(source, engine="openvino"), load(quantized.path)
    assert (other.engine, other.manifest.name) == ("openvino cpu int8", "colours-int8")
    assert other.manifest.provenance["by"] == "hand"
    assert other.manifest.provenance["int8"]["of"] == one.sha256
    difference = np.abs(scores(one, PICTURES) - scores(other, PICTURES)).max()
    assert 0 < difference < 0.1, "it computes in int8, and is the same network"
    assert np.ptp(scores(one, PICTURES), axis=0).max() > 0.3, "which tells these pictures apart"
    assert quantized.largest_difference == pytest.approx(difference)
    assert quantized.pictures == 30
    assert quantized.same_labels >= 28


def test_the_first_convolution_those_in_groups_and_the_head_stay_in_float(quantized: Quantized) -> None:
    """What feeds a quantized layer is a FakeQuantize on its input."""
    import openvino

    from inference.model.file import network_of

    found = network_of(quantized.path.read_bytes())
    assert found is not None
    network = openvino.Core().read_model(*found)
    weighed = [each for each in network.get_ordered_ops() if each.get_type_name() in _WEIGHED]
    fed_by = [each.input_value(0).get_node().get_type_name() == "FakeQuantize" for each in weighed]
    assert fed_by == [False, False, True, False]


_WEIGHED = {"Convolution", "GroupConvolution", "MatMul"}


def test_the_same_pictures_give_the_same_bytes(source: Path, quantized: Quantized, tmp_path: Path) -> None:
    again = quantize(source, PICTURES, tmp_path / "model.pt")
    assert again.path.read_bytes() == quantized.path.read_bytes()


def test_its_worker_converts_nothing(quantized: Quantized, monkeypatch: pytest.MonkeyPatch) -> None:
    def converted(*_: object) -> None:
        raise AssertionError("it holds its network")

    monkeypatch.setattr("inference.engines.openvino_conversion.converted", converted)
    load(quantized.path, engine="openvino", threads=1).close()


def test_another_engine_is_refused_with_what_to_do(quantized: Quantized) -> None:
    with pytest.raises(ModelUnusable, match=r"network \(openvino-int8\), which is OpenVINO's\. Set ENGINE=auto"):
        load(quantized.path, engine="torchscript")
    with pytest.raises(ModelUnusable, match="engine cuda cannot run the file's network"):
        fitting(ON_A_GPU, "cuda", "openvino-int8")
    assert installed("openvino-int8") == ("openvino",)


def test_auto_takes_openvino_for_it_on_a_gpu_too() -> None:
    assert fitting(ON_A_GPU, "auto", "openvino-int8").name == "openvino"
    assert fitting(ON_A_GPU, "auto", "torchscript") is ON_A_GPU


def test_without_openvino_it_says_what_to_install(quantized: Quantized, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.is_installed", lambda library: library != "openvino")
    with pytest.raises(ModelUnusable, match="install petstream with its extra classify"):
        load(quantized.path)


def test_a_manifest_that_promises_a_network_is_held_to_it(source: Path, tmp_path: Path) -> None:
    manifest = msgspec.structs.replace(read_manifest(source), network="openvino-int8")
    path = tmp_path / "model.pt"
    path.write_bytes(with_files(source.read_bytes(), {"manifest.json": manifest.to_json()}))
    with pytest.raises(ModelUnusable, match=r"has no whole OpenVINO network, .*petstream model quantize"):
        load(path)


def test_a_network_that_is_none_is_refused_with_what_to_do(quantized: Quantized, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(with_files(quantized.path.read_bytes(), {NETWORK_FILES[0]: b"<net>"}))
    with pytest.raises(ModelUnusable, match=r"cannot take .*petstream model quantize"):
        load(path)


def test_a_network_that_answers_otherwise_is_refused(quantized: Quantized, tmp_path: Path) -> None:
    manifest = read_manifest(quantized.path)
    turned = tuple(msgspec.structs.replace(each, scores=tuple(reversed(each.scores))) for each in manifest.golden)
    path = tmp_path / "model.pt"
    changed = msgspec.structs.replace(manifest, golden=turned)
    path.write_bytes(with_files(quantized.path.read_bytes(), {"manifest.json": changed.to_json()}))
    assert np.log(2) > golden.INT8_TOLERANCE, "a score that is double is another answer"
    with pytest.raises(ModelUnusable, match="does not reproduce the answers"):
        load(path)


def test_an_int8_file_is_not_quantized_again(quantized: Quantized, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="is not in float32"):
        quantize(quantized.path, PICTURES, tmp_path / "model.pt")


def test_a_network_without_convolutions_has_nothing_to_gain(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no convolutions"):
        quantize(tiny_model.write(tmp_path / "model.pt"), PICTURES, tmp_path / "int8.pt")
    assert not (tmp_path / "int8.pt").exists()


def test_pictures_are_chosen_evenly_and_ruins_left_out(tmp_path: Path) -> None:
    for number in range(1, 641):
        Image.new("RGB", (SIDE, SIDE), (number % 256, 0, number // 256)).save(tmp_path / f"{number:03}.png")
    (tmp_path / "000.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "labels.csv").write_text("file,label\n")
    (tmp_path / "folder").mkdir()
    spec = read_manifest(tiny_model.write(tmp_path / "model.pt")).input
    found = calibration_pictures(tmp_path, spec)
    assert len(found) == 300
    numbers = [int(picture[0, 0, 0]) + 256 * int(picture[0, 0, 2]) for picture in found]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 590, "to the end of the folder"


def test_too_few_pictures_are_refused_with_how_many(tmp_path: Path) -> None:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "one.png")
    spec = read_manifest(tiny_model.write(tmp_path / "model.pt")).input
    with pytest.raises(ValueError, match="has 1 pictures that decode; at least 30 are needed"):
        calibration_pictures(tmp_path, spec)


WITHOUT_NETWORK = """
import socket
def refuse(*_, **__):
    raise SystemExit("opened a connection")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import sys
from pathlib import Path
from inference.lab.quantize import quantize
from tests.integration.inference.lab.test_quantize import PICTURES
quantize(Path(sys.argv[1]), PICTURES, Path(sys.argv[2]))
assert "openvino_telemetry.main" not in sys.modules
"""


def test_it_sends_no_analytics(source: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-W", "ignore", "-c", WITHOUT_NETWORK, str(source), str(tmp_path / "int8.pt")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "the library's bars are not the command's output"


@pytest.mark.slow
@pytest.mark.parametrize("arithmetic", ["bfloat16", "int8"])
def test_the_default_model_passes_the_gates_in_each_arithmetic(model_file: Path, data: Path, arithmetic: str) -> None:
    exact = load(model_file, engine="openvino")
    rounded = load(exported(None, None, lambda _line: None, arithmetic=arithmetic))
    results = [evaluate_folder(data / "dev" / "labels.csv", each, Limits()) for each in (rounded, exact)]
    exact.close()
    rounded.close()
    judged = results[0].evaluation
    assert judged.cat_dog_accuracy >= 0.99
    assert judged.pets_accepted >= 0.99
    assert judged.others_accepted <= 0.02
    moved = []
    for one, other in zip(*(result.outcomes for result in results), strict=True):
        assert isinstance(one.answer, Prediction)
        assert isinstance(other.answer, Prediction)
        if one.answer.deferred == other.answer.deferred:
            moved.append(one.answer.scores.difference(other.answer.scores))
    assert len(moved) >= 370
    assert np.mean(moved) < 0.01
    assert max(moved) < 0.4
