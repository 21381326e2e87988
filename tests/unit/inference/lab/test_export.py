"""Model files of tiny networks: one or two, in each arithmetic, on each engine that runs them."""

import dataclasses
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.classifier import Classifier, load
from inference.engines.cuda import CudaEngine
from inference.engines.module import load as load_module
from inference.errors import ModelUnusable
from inference.lab.export import export
from inference.lab.parts import Part
from inference.lab.verification import verify
from inference.manifest import Cascade, Golden, Rule
from inference.model.file import NETWORK_FILES, read_manifest, with_files, without_module
from inference.model.recipe import ARITHMETICS, Arithmetic
from tests import tiny_parts
from tests.tiny_parts import PICTURES, SIDE

CASCADE = Cascade(defer_below=0.45, rule="large")
NETWORKS = dict(zip(ARITHMETICS, ("torchscript", "openvino-bfloat16", "openvino-int8"), strict=True))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Part]:
    return tiny_parts.cascade(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def files(parts: list[Part], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    made = {each: export(parts, folder / f"{each}.pt", arithmetic=each, cascade=CASCADE) for each in ARITHMETICS}
    mean = Cascade(defer_below=0.45, rule="mean")
    return made | {
        "mean": export(parts, folder / "mean.pt", cascade=mean),
        "small": export(parts[:1], folder / "small.pt"),
        "large": export(parts[1:], folder / "large.pt"),
        "small int8": export(parts[:1], folder / "small-int8.pt", arithmetic="int8"),
    }


def scores(classifier: Classifier, images: list[NDArray[np.uint8]] = PICTURES) -> NDArray[np.float64]:
    return np.array([[each.scores.cat, each.scores.dog, each.scores.neither] for each in classifier.predict(images)])


def alone(parts: list[Part]) -> list[NDArray[np.float64]]:
    """The scores of each network for the pictures, by torch."""
    images = torch.from_numpy(np.stack(PICTURES))
    with torch.inference_mode():
        return [part.network(SIDE)(images).double().numpy() for part in parts]


@pytest.mark.parametrize("engine", ["openvino", "torchscript"])
@pytest.mark.parametrize(("file", "rule"), [("float32", "large"), ("mean", "mean")])
def test_the_small_network_decides_what_it_is_sure_of_and_the_large_one_the_rest(
    files: dict[str, Path], parts: list[Part], engine: Any, file: str, rule: Rule
) -> None:
    small, large = alone(parts)
    deferred = small.max(1) < CASCADE.defer_below
    assert 5 <= deferred.sum() <= 25, "some of each"
    others = large if rule == "large" else (small + large) / 2
    classifier = load(files[file], engine=engine, threads=2)
    assert np.abs(scores(classifier) - np.where(deferred[:, None], others, small)).max() < 1e-5
    told = [each.deferred for each in classifier.predict(PICTURES)]
    assert told == (deferred.tolist() if engine == "openvino" else [False] * len(PICTURES))
    classifier.close()


@pytest.mark.parametrize("arithmetic", ["bfloat16", "int8"])
def test_other_arithmetics_are_other_models_with_much_the_same_scores(
    files: dict[str, Path], arithmetic: Arithmetic
) -> None:
    exact, rounded = load(files["float32"], engine="openvino"), load(files[arithmetic])
    manifest = rounded.manifest
    assert (manifest.name, manifest.network) == (f"cat-dog-cascade-{arithmetic}", NETWORKS[arithmetic])
    assert manifest.golden != exact.manifest.golden, "it has answers of its own"
    assert rounded.engine == f"openvino cpu {arithmetic}"
    same = np.array(
        [a.deferred == b.deferred for a, b in zip(*(each.predict(PICTURES) for each in (exact, rounded)), strict=True)]
    )
    assert same.sum() >= 26
    assert 0 < np.abs(scores(exact) - scores(rounded))[same].max() < 0.1
    exact.close()
    rounded.close()


def test_batches_that_run_at_a_time_get_their_own_scores(files: dict[str, Path]) -> None:
    classifier = load(files["float32"], engine="openvino", threads=2)
    batches = [PICTURES[size : 2 * size] for size in range(1, 15)] * 3
    expected = [scores(classifier, batch) for batch in batches]
    with ThreadPoolExecutor(3) as pool:
        for actual, wanted in zip(pool.map(lambda batch: scores(classifier, batch), batches), expected, strict=True):
            assert np.array_equal(actual, wanted)
    classifier.close()


def test_pictures_that_are_not_deferred_do_not_run_the_large_network(files: dict[str, Path]) -> None:
    with zipfile.ZipFile(files["float32"]) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(NETWORK_FILES[0])]
        description = archive.read(name)
    assert description.count(b'type="If"') == 1
    assert description.index(b'type="If"') > description.index(b'type="Convolution"'), "after the small network"


@pytest.mark.parametrize("file", ["float32", "small", "int8", "small int8"])
def test_it_is_verified_and_its_worker_converts_nothing(
    files: dict[str, Path], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def converted(*_: object) -> None:
        raise AssertionError("it holds its network")

    monkeypatch.setattr("inference.engines.openvino_conversion.converted", converted)
    checks = list(verify(files[file]))
    assert [check for check in checks if not check.passed] == []
    assert checks[-1].name in {"openvino", "cuda"}


def test_a_gpu_computes_a_cascade_in_half_precision_without_branches(files: dict[str, Path], parts: list[Part]) -> None:
    engine = CudaEngine(load_module(files["float32"].read_bytes(), "cpu"), SIDE, max_batch_size=8, device="cpu")
    assert "half" in engine.name, engine.notes
    small, large = alone(parts)
    expected = np.where((small.max(1) < CASCADE.defer_below)[:, None], large, small)
    close = np.abs(small.max(1) - CASCADE.defer_below) < 0.01
    assert np.abs(engine.run(PICTURES) - expected)[~close].max() < 0.01
    engine.close()


def test_golden_answers_show_both_networks_and_none_that_is_close_to_the_threshold(
    files: dict[str, Path], parts: list[Part]
) -> None:
    manifest = read_manifest(files["float32"])
    assert manifest.cascade is not None
    assert msgspec.structs.replace(manifest.cascade, golden=()) == CASCADE
    assert len(manifest.golden) == 4
    assert [each.pattern for each in manifest.cascade.golden] == [0, 1, 2, 3]


def turned(golden: tuple[Golden, ...]) -> tuple[Golden, ...]:
    return tuple(msgspec.structs.replace(each, scores=(*each.scores[1:], each.scores[0])) for each in golden)


@pytest.mark.parametrize("file", ["float32", "int8"])
def test_a_large_network_that_answers_otherwise_is_refused_though_no_golden_picture_is_deferred(
    files: dict[str, Path], tmp_path: Path, file: str
) -> None:
    manifest = read_manifest(files[file])
    assert manifest.cascade is not None
    broken = msgspec.structs.replace(manifest.cascade, golden=turned(manifest.cascade.golden))
    changed = msgspec.structs.replace(manifest, cascade=broken)
    path = tmp_path / "model.pt"
    path.write_bytes(with_files(files[file].read_bytes(), {"manifest.json": changed.to_json()}))
    with pytest.raises(ModelUnusable, match="does not reproduce the answers"):
        load(path, engine="openvino")


def test_the_manifest_moves_the_threshold(files: dict[str, Path], tmp_path: Path) -> None:
    manifest = read_manifest(files["float32"])
    never = msgspec.structs.replace(CASCADE, defer_below=0.0)
    path = tmp_path / "model.pt"
    changed = msgspec.structs.replace(manifest, cascade=never, golden=())
    path.write_bytes(with_files(files["float32"].read_bytes(), {"manifest.json": changed.to_json()}))
    classifier = load(path, engine="openvino")
    assert not any(each.deferred for each in classifier.predict(PICTURES))
    classifier.close()


def test_int8_without_ranges_or_with_those_of_other_weights_is_refused_and_leaves_the_old_file(
    parts: list[Part], tmp_path: Path
) -> None:
    target = tmp_path / "model.pt"
    target.write_bytes(b"old")
    for changed, said in (
        ({"ranges_file": tmp_path / "none.json"}, r"none\.json is missing: .*petstream model ranges"),
        ({"weights_sha256": "other"}, "measured with other weights"),
    ):
        with pytest.raises(ModelUnusable, match=said):
            export([dataclasses.replace(parts[0], **changed)], target, arithmetic="int8")
    (tmp_path / "broken.json").write_bytes(b"{")
    with pytest.raises(ModelUnusable, match="is no file of ranges"):
        export([dataclasses.replace(parts[0], ranges_file=tmp_path / "broken.json")], target, arithmetic="int8")
    assert target.read_bytes() == b"old"
    assert export([dataclasses.replace(parts[0], ranges_file=tmp_path / "none.json")], target).stat().st_size > 3


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_the_same_networks_give_the_same_bytes(
    parts: list[Part], files: dict[str, Path], arithmetic: Arithmetic, tmp_path: Path
) -> None:
    again = export(parts, tmp_path / "again.pt", arithmetic=arithmetic, cascade=CASCADE)
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(files[arithmetic]) as other:
        assert one.namelist() == other.namelist()
        assert [name for name in one.namelist() if one.read(name) != other.read(name)] == []


@pytest.mark.parametrize("name", ["int8", "bfloat16"])
def test_a_file_without_its_module_serves_the_same_and_a_float32_file_does_not(
    name: str, files: dict[str, Path], tmp_path: Path
) -> None:
    alone = tmp_path / "alone.pt"
    alone.write_bytes(without_module(files[name].read_bytes()))
    assert alone.stat().st_size < files[name].stat().st_size
    assert read_manifest(alone) == read_manifest(files[name])
    assert [check.name for check in verify(alone) if check.passed] == ["file", "checksum", "manifest", "openvino"]
    assert np.array_equal(scores(load(alone)), scores(load(files[name])))
    with pytest.raises(ModelUnusable, match="The engine torchscript cannot run the file's network"):
        load(alone, engine="torchscript")
    alone.write_bytes(without_module(files["float32"].read_bytes()))
    with pytest.raises(ModelUnusable, match="has no TorchScript module"):
        read_manifest(alone)


def test_an_engine_may_add_a_column_only_for_a_cascade(files: dict[str, Path], tmp_path: Path) -> None:
    manifest = msgspec.structs.replace(read_manifest(files["int8"]), cascade=None)
    path = tmp_path / "model.pt"
    path.write_bytes(with_files(files["int8"].read_bytes(), {"manifest.json": manifest.to_json()}))
    with pytest.raises(ModelUnusable):
        load(path)
