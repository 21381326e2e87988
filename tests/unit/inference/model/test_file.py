"""Files are replaced whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from inference.model import file


def test_a_full_disk_is_an_error_about_the_file_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.pt"
    target.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as failed:
        file.replace(target, b"new")
    assert failed.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["model.pt"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none/model\.pt"):
        file.replace(tmp_path / "none" / "model.pt", b"")
