import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.engines import installed
from inference.errors import ModelUnusable
from inference.lab.verification import verify
from inference.model.archive import archive
from inference.model.file import checksum, read_manifest
from tests import tiny_model


class NotANumber(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((1, 2)) * float("nan")


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(module: torch.nn.Module | None = None, **changes: Any) -> Path:
        return tiny_model.write(tmp_path / "model.pt", module, **changes)

    return write


def test_a_good_file_passes_every_check(written: Callable[..., Path]) -> None:
    path = written()
    checks = list(verify(path, checksum(path).upper()))
    assert [check.name for check in checks] == ["file", "checksum", "manifest", *installed()]
    assert all(check.passed for check in checks)
    assert "(N, 3)" in checks[-1].detail


def test_a_manifest_is_read_without_running_the_model(written: Callable[..., Path]) -> None:
    assert read_manifest(written(NotANumber())).name == "colours"


@pytest.mark.parametrize(
    ("spoil", "name", "remedy"),
    [
        (lambda path: path.unlink(), "file", "petstream model export"),
        (lambda path: path.write_bytes(b"no archive"), "manifest", "petstream model export"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "manifest", "petstream model export"),
    ],
)
def test_what_is_no_model_fails_where_it_breaks(
    written: Callable[..., Path], spoil: Callable[[Path], Any], name: str, remedy: str
) -> None:
    path = written()
    spoil(path)
    last = list(verify(path))[-1]
    assert (last.name, last.passed) == (name, False)
    assert remedy in last.detail


def test_a_wrong_checksum_ends_the_verification(written: Callable[..., Path]) -> None:
    last = list(verify(written(), "0" * 64))[-1]
    assert (last.name, last.passed) == ("checksum", False)
    assert "MODEL_SHA256" in last.detail


def test_a_model_that_answers_nonsense_fails_on_each_engine(written: Callable[..., Path]) -> None:
    failed = [check for check in verify(written(NotANumber())) if not check.passed]
    assert [check.name for check in failed] == list(installed())
    assert all("no probabilities" in check.detail for check in failed)


def test_an_archive_without_a_manifest_says_how_to_save_one(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(archive(tiny_model.Colours().eval(), tiny_model.SIDE, {}))
    with pytest.raises(ModelUnusable, match="_extra_files"):
        read_manifest(path)


def test_a_manifest_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/constants.pkl", b"")
        file.writestr("m/extra/manifest.json", b" " * (17 * 1024 * 1024))
    with pytest.raises(ModelUnusable, match="has no manifest"):
        read_manifest(path)


def test_a_label_that_is_mapped_to_nothing_is_named(written: Callable[..., Path]) -> None:
    with pytest.raises(ModelUnusable, match="what blue is"):
        read_manifest(written(classes={"red": "cat", "green": "dog"}))
