import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inference.lab import fit as fitting
from inference.lab.evaluate import pictures_digest, read_labels
from inference.lab.fit import fit
from inference.model.backbones import published
from inference.model.head import Head
from inference.prediction import LABELS, Label


@pytest.fixture
def labels(tmp_path: Path, cat: bytes) -> Path:
    """Dogs and others are drawn: what matters here is that the numbers follow the labels."""
    generator = np.random.default_rng(0)
    rows: list[tuple[str, Label]] = []
    for number in range(fitting.FOLDS):
        (tmp_path / f"cat{number}.png").write_bytes(cat + bytes(number))  # other files, though the pixels are the same
        noise = generator.integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"dog{number}.png")
        Image.new("RGB", (60, 60), (0, 40 * number, 255)).save(tmp_path / f"neither{number}.png")
        rows += [(f"{label}{number}.png", label) for label in LABELS]
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *rows])
    return tmp_path / "labels.csv"


def test_a_head_is_fitted_to_labelled_pictures_and_says_to_which_in_whatever_order(labels: Path) -> None:
    head = fit(labels, published("efficientnet-lite0"))
    assert head.metrics["three_way_accuracy"] == 1.0
    assert head.provenance["pictures"] == dict.fromkeys(LABELS, fitting.FOLDS)
    rows = list(reversed(read_labels(labels)))
    digest = pictures_digest([row.path.read_bytes() for row in rows], [fitting._class(row) for row in rows])
    assert head.provenance["pictures_sha256"] == digest
    assert head == fit(labels, published("efficientnet-lite0")), "the same pictures give the same numbers"


def test_a_reason_is_no_label_to_fit(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,undecodable\n")
    with pytest.raises(ValueError, match="undecodable"):
        fit(tmp_path / "labels.csv", published("efficientnet-lite0"))


def test_the_regression_finds_the_classes_and_folds_its_scale_in() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(300) % 3
    centres = torch.tensor([[-9.0, 0, 5, 0, 0], [0, -9, 5, 0, 0], [0, 0, -50, 0, 0]], dtype=torch.float64)
    features = centres[targets] + torch.randn(300, 5, generator=generator, dtype=torch.float64)
    weight, bias = fitting._regress(features[None], targets)
    scores = (features @ weight.T + bias).softmax(1)
    assert (scores.argmax(1) == targets).double().mean() > 0.98


def test_cross_validation_judges_no_picture_by_itself() -> None:
    """With labels that have nothing to do with the features, a picture's own label must not leak into its score."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    targets = torch.arange(30) % 3
    predictions = fitting._cross_validated(features, features[None], targets)
    right = sum(
        (p.scores.cat, p.scores.dog, p.scores.neither).index(max(p.scores.cat, p.scores.dog, p.scores.neither)) == t
        for p, t in zip(predictions, targets.tolist(), strict=True)
    )
    assert right / 30 < 0.45


def test_the_shipped_heads_were_fitted_as_the_script_now_fits(data: Path) -> None:
    head = Head.of("efficientnet-lite0")
    assert head.provenance["script_version"] == fitting.SCRIPT_VERSION
    files = [row.path.read_bytes() for row in read_labels(data / "dev" / "labels.csv")]
    labels = [fitting._class(row) for row in read_labels(data / "dev" / "labels.csv")]
    assert head.provenance["pictures_sha256"] == pictures_digest(files, labels)


def test_a_label_with_too_few_pictures_is_named(tmp_path: Path) -> None:
    rows = [(f"{label}{number}.jpg", label) for label in ("cat", "neither") for number in range(fitting.FOLDS)]
    for name, _ in rows:
        (tmp_path / name).write_text(name)
    (tmp_path / "labels.csv").write_text("".join(f"{name},{label}\n" for name, label in rows))
    with pytest.raises(ValueError, match="too few pictures labelled dog"):
        fit(tmp_path / "labels.csv", published("efficientnet-lite0"))


def test_a_picture_that_does_not_decode_is_named(tmp_path: Path) -> None:
    rows = [(f"{label}{number}.jpg", label) for label in LABELS for number in range(fitting.FOLDS)]
    for name, _ in rows:
        (tmp_path / name).write_bytes(b"\xff\xd8\xff" + name.encode())
    (tmp_path / "labels.csv").write_text("".join(f"{name},{label}\n" for name, label in rows))
    with pytest.raises(ValueError, match=r"cat0\.jpg does not decode"):
        fit(tmp_path / "labels.csv", published("efficientnet-lite0"))
