import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from inference.manifest import MANIFEST_FILE, Manifest
from inference.model import golden
from inference.model.architecture import weights_path
from inference.model.archive import archive
from inference.model.export import CatDogNet, export
from inference.model.head import Head
from inference.model.policy import POLICY
from inference.model.recipe import DEFAULT_ARCH, SOURCES, digest

SIDE = SOURCES[DEFAULT_ARCH].input.size


def opened(path: Path) -> tuple[torch.jit.ScriptModule, Manifest]:
    extra = {MANIFEST_FILE: ""}
    module = torch.jit.load(path, _extra_files=extra)  # type: ignore[no-untyped-call] # torch.jit is partly typed
    return module, Manifest.from_json(extra[MANIFEST_FILE])


def test_the_file_answers_as_the_network_does(model_file: Path) -> None:
    module, _ = opened(model_file)
    images = torch.from_numpy(np.stack([golden.draw(pattern, SIDE) for pattern in range(3)]))
    with torch.inference_mode():
        answer, expected = module(images), CatDogNet(DEFAULT_ARCH, Head.of(DEFAULT_ARCH)).eval()(images)
    assert answer.shape == (3, 3)
    assert answer.dtype == torch.float32
    assert torch.allclose(answer, expected, atol=1e-5)


def test_a_pictures_scores_do_not_depend_on_its_batch(model_file: Path) -> None:
    module, _ = opened(model_file)
    images = torch.from_numpy(np.stack([golden.draw(pattern, SIDE) for pattern in range(4)]))
    with torch.inference_mode():
        alone = torch.cat([module(image[None]) for image in images])
        assert torch.allclose(module(images), alone, atol=1e-5)


def test_the_manifest_shows_what_the_file_is(model_file: Path) -> None:
    _, manifest = opened(model_file)
    assert manifest.name == f"cat-dog-{DEFAULT_ARCH}"
    assert manifest.labels == ("cat", "dog", "neither")
    assert manifest.input == SOURCES[DEFAULT_ARCH].input
    assert manifest.thresholds.accept == Head.of(DEFAULT_ARCH).accept
    assert manifest.policy == POLICY
    assert "Apache" in manifest.licence
    weights = hashlib.sha256(weights_path(DEFAULT_ARCH).read_bytes()).hexdigest()
    assert manifest.provenance["backbone"]["weights_sha256"] == weights
    assert manifest.provenance["head"]["backbone"]["weights_sha256"] == weights, "the head was fitted to other weights"


def test_golden_answers_are_not_all_but_certain(model_file: Path) -> None:
    """A score of 1 stays 1 whatever breaks: the patterns must leave the model in some doubt."""
    _, manifest = opened(model_file)
    assert len(manifest.golden) == golden.PATTERNS
    assert max(min(each.scores) for each in manifest.golden) > 1e-3


def parts(path: Path) -> dict[str, str]:
    """The digest of each record of an archive: what differs is named, and quickly."""
    with zipfile.ZipFile(path) as records:
        return {name: hashlib.sha256(records.read(name)).hexdigest() for name in records.namelist()}


def test_the_same_packages_give_the_same_bytes(model_file: Path, tmp_path: Path) -> None:
    here = export(DEFAULT_ARCH, tmp_path / "here.pt")
    # Another number of threads, as on another machine.
    threads = 1 + torch.get_num_threads()
    code = (
        f"import pathlib, torch, inference.model.export as e; torch.set_num_threads({threads}); "
        f"e.export({DEFAULT_ARCH!r}, pathlib.Path('there.pt'))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, check=True)
    made = [parts(path) for path in (model_file, here, tmp_path / "there.pt")]
    assert made[1] == made[0]
    assert made[2] == made[0]
    assert here.read_bytes() == model_file.read_bytes() or pytest.fail("the archives differ around equal records")


def test_no_path_of_this_machine_is_in_the_file(model_file: Path) -> None:
    with zipfile.ZipFile(model_file) as records:
        for record in records.infolist():
            content = records.read(record)
            assert str(Path(__file__).parents[4]).encode() not in content, record.filename
            assert b"site-packages" not in content, record.filename
            assert b"torch_mangle" not in content, record.filename


def test_another_head_gives_another_file_that_uses_it(tmp_path: Path, model_file: Path) -> None:
    head = msgspec.structs.replace(Head.of(DEFAULT_ARCH), bias=(50.0, 0.0, 0.0), accept=0.25)
    module, manifest = opened(export(DEFAULT_ARCH, tmp_path / "cats.pt", head=head))
    with torch.inference_mode():
        assert module(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))[0, 0] > 0.99
    assert manifest.thresholds.accept == 0.25


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "model.pt"
    target.write_bytes(b"old")

    def fail(*_: object) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr("inference.model.export.archive", fail)
    with pytest.raises(OSError, match="disk full"):
        export(DEFAULT_ARCH, target)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]
    assert target.read_bytes() == b"old"


def test_any_module_can_be_archived_with_files_beside_it() -> None:
    class Flat(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float().mean((1, 2)).softmax(1)

    extra: dict[str, str | bytes] = {"note": ""}
    content = io.BytesIO(archive(Flat().eval(), 8, {"note": b"hello"}))
    module = torch.jit.load(content, _extra_files=extra)  # type: ignore[no-untyped-call] # torch.jit is partly typed
    assert module(torch.zeros(5, 8, 8, 3, dtype=torch.uint8)).shape == (5, 3)
    assert extra["note"] == b"hello"


def test_a_caches_name_changes_with_what_the_file_is_made_of() -> None:
    assert digest("efficientnet-lite0") != digest("efficientnet-lite2")
    assert digest(DEFAULT_ARCH) == digest(DEFAULT_ARCH)
    assert len(digest(DEFAULT_ARCH)) == 12
