"""The pictures that a head is fitted to, without a network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from inference.lab import fit as fitting
from inference.lab.fit import fit
from inference.manifest import InputSpec
from inference.model.backbones import Backbone
from inference.prediction import LABELS

BACKBONE = Backbone("tiny", torch.nn.Identity(), torch.nn.Identity(), InputSpec(size=32, resize=34), {})


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def features(_rows: Any, files: list[bytes], *_others: Any) -> Tensor:
        return torch.randn(len(files), 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    monkeypatch.setattr(fitting, "PENALTY", 1.0)  # the regression ends in few steps
    monkeypatch.setattr(fitting, "_features", features)
    names = [(f"{label}{number}", label) for label in LABELS for number in range(fitting.FOLDS)]
    for name, _ in names:
        (tmp_path / name).write_text(name)
    (tmp_path / "labels.csv").write_text("".join(f"{name},{label}\n" for name, label in names))
    return tmp_path / "labels.csv"


def test_a_picture_that_is_listed_several_times_counts_once(table: Path) -> None:
    once = fit(table, BACKBONE)
    (table.parent / "copy").write_text("cat0")
    table.write_text(table.read_text() + "copy,cat\ndog1,dog\n")
    assert fit(table, BACKBONE) == once, "else the copy could be held out and the picture fitted"
    assert once.provenance["pictures"] == dict.fromkeys(LABELS, fitting.FOLDS)


def test_copies_do_not_make_up_for_pictures(table: Path) -> None:
    (table.parent / "cat1").write_text("cat0")
    with pytest.raises(ValueError, match="too few pictures labelled cat: at least 5"):
        fit(table, BACKBONE)


def test_a_picture_with_two_labels_is_named(table: Path) -> None:
    (table.parent / "copy").write_text("cat0")
    table.write_text(table.read_text() + "copy,dog\n")
    with pytest.raises(ValueError, match=r"copy is labelled dog \(.*line 16\), .* labelled cat \(.*line 1\): decide"):
        fit(table, BACKBONE)
