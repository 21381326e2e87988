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

from inference.lab.cascade_card import composed
from inference.lab.export import export
from inference.lab.parts import part
from inference.manifest import MANIFEST_FILE, InputSpec, Manifest
from inference.model import golden
from inference.model.architecture import weights_path
from inference.model.archive import archive
from inference.model.head import Head
from inference.model.network import CascadeNet
from inference.model.policy import EVEN, POLICY
from inference.model.recipe import CASCADE_CARD, COMPOSITIONS, Arch, shipped_weights

LITE0: Arch = "efficientnet-lite0"
LITE2: Arch = "efficientnet-lite2"
SIDE = part(LITE2).input.size
CARD = composed(shipped_weights(LITE2).parent / CASCADE_CARD)


def opened(path: Path) -> tuple[torch.jit.ScriptModule, Manifest]:
    extra = {MANIFEST_FILE: ""}
    module = torch.jit.load(path, _extra_files=extra)  # type: ignore[no-untyped-call] # torch.jit is partly typed
    return module, Manifest.from_json(extra[MANIFEST_FILE])


def test_the_file_answers_as_the_network_does(model_file: Path) -> None:
    module, _ = opened(model_file)
    images = torch.from_numpy(np.stack([golden.draw(pattern, SIDE) for pattern in (0, 1, 10, 27)]))
    small, large = (part(arch).network(SIDE) for arch in COMPOSITIONS["cascade"])
    with torch.inference_mode():
        answer, expected = module(images), CascadeNet(small, large, CARD.cascade).eval()(images)
    assert answer.shape == (4, 3)
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
    assert manifest.name == "cat-dog-cascade"
    assert manifest.labels == ("cat", "dog", "neither")
    assert manifest.input == InputSpec(size=SIDE, resize=236)
    assert manifest.thresholds == EVEN
    assert manifest.operating_curve == CARD.curve
    assert manifest.policy == POLICY
    assert "Apache" in manifest.licence
    for of, arch in zip(("small", "large"), COMPOSITIONS["cascade"], strict=True):
        weights = hashlib.sha256(shipped_weights(arch).read_bytes()).hexdigest()
        before = hashlib.sha256(weights_path(arch).read_bytes()).hexdigest()
        assert manifest.provenance[of]["weights"]["sha256"] == weights
        assert manifest.provenance[of]["card"]["start"]["weights_sha256"] == before, "trained from other weights"


def test_golden_answers_are_not_all_but_certain(model_file: Path) -> None:
    """A score of 1 stays 1 whatever breaks: the patterns must leave the model in some doubt."""
    _, manifest = opened(model_file)
    assert len(manifest.golden) == golden.PATTERNS
    assert max(min(each.scores) for each in manifest.golden) > 1e-3


def parts(path: Path) -> dict[str, str]:
    """The digest of each record of an archive: what differs is named, and quickly."""
    with zipfile.ZipFile(path) as records:
        return {name: hashlib.sha256(records.read(name)).hexdigest() for name in records.namelist()}


def test_the_same_packages_give_the_same_bytes(tmp_path: Path) -> None:
    """Of two networks, the smaller one twice. tests/unit/inference/lab/test_export.py has the other arithmetics."""
    # Another number of threads, as on another machine.
    threads = 1 + torch.get_num_threads()
    code = (
        "import pathlib, torch, inference.lab.export as e, inference.lab.parts as p; "
        f"torch.set_num_threads({threads}); "
        f"e.export([p.part({LITE0!r}, 'pypi')] * 2, pathlib.Path('there.pt'), arithmetic='int8')"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, check=True)
    here = export([part(LITE0, "pypi")] * 2, tmp_path / "here.pt", arithmetic="int8")
    assert parts(here) == parts(tmp_path / "there.pt")
    assert here.read_bytes() == (tmp_path / "there.pt").read_bytes() or pytest.fail(
        "the archives differ around equal records"
    )


def test_no_path_of_this_machine_is_in_the_file(model_file: Path) -> None:
    with zipfile.ZipFile(model_file) as records:
        for record in records.infolist():
            content = records.read(record)
            assert str(Path(__file__).parents[4]).encode() not in content, record.filename
            assert b"site-packages" not in content, record.filename
            assert b"torch_mangle" not in content, record.filename


def test_another_head_gives_another_file_that_uses_it(tmp_path: Path) -> None:
    head = msgspec.structs.replace(Head.of(LITE0), bias=(50.0, 0.0, 0.0), accept=0.25)
    module, manifest = opened(export([part(LITE0, "pypi", head)], tmp_path / "cats.pt"))
    with torch.inference_mode():
        assert module(torch.zeros(1, 224, 224, 3, dtype=torch.uint8))[0, 0] > 0.99
    assert manifest.thresholds.accept == 0.25
    assert manifest.name == f"cat-dog-{LITE0}"


def test_any_module_can_be_archived_with_files_beside_it() -> None:
    class Flat(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float().mean((1, 2)).softmax(1)

    extra: dict[str, str | bytes] = {"note": ""}
    content = io.BytesIO(archive(Flat().eval(), 8, {"note": b"hello"}))
    module = torch.jit.load(content, _extra_files=extra)  # type: ignore[no-untyped-call] # torch.jit is partly typed
    assert module(torch.zeros(5, 8, 8, 3, dtype=torch.uint8)).shape == (5, 3)
    assert extra["note"] == b"hello"
