"""A whole training in a second: pictures of three colours, a network of a few hundred numbers."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from inference.lab import held_out
from inference.lab.train import train
from inference.lab.training import Hardware, Recipe, _State
from inference.model import weights
from inference.model.policy import EVEN, operating_curve, thresholds
from inference.prediction import LABELS
from tests.inference_fixtures import one_torch_thread
from tests.tiny_training import RECIPE, START, build, pictures, trained

_one_thread = pytest.fixture(autouse=True, scope="module")(one_torch_thread)

CPU = Hardware(torch.device("cpu"))


class Interrupted(Exception):  # noqa: N818 - as KeyboardInterrupt
    pass


def interrupt(stage: str, at: int) -> Any:
    def progress(now: str, done: int, _total: int) -> None:
        if now.startswith(stage) and done == at:
            raise Interrupted

    return progress


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("training") / "pictures")


@pytest.fixture(scope="module")
def done(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that nothing interrupted."""
    output = tmp_path_factory.mktemp("done")
    trained(table, output, hardware=CPU, note="drawn for a test")
    return output


@pytest.fixture
def _a_checkpoint_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.lab.training.CHECKPOINT_STEPS", 1)


def card(folder: Path) -> Any:
    return json.loads((folder / "tiny.json").read_text())


def test_the_network_learns_what_the_pictures_show(table: Path, tmp_path: Path) -> None:
    longer = msgspec.structs.replace(RECIPE, epochs=10, learning_rate=0.03)
    trained(table, tmp_path, hardware=CPU, recipe=longer, fold_count=0)
    network = build()
    network.load_state_dict(network.state_dict() | weights.read(tmp_path / "tiny.safetensors"))
    colours = torch.tensor([[0.5, -0.5, -0.5], [-0.5, 0.5, -0.5], [-0.5, -0.5, 0.5]])[:, :, None, None]
    with torch.inference_mode():
        assert network(colours.expand(3, 3, 32, 32)).argmax(1).tolist() == [0, 1, 2]


def test_training_begins_with_a_probe_of_the_features(table: Path, tmp_path: Path) -> None:
    barely = msgspec.structs.replace(RECIPE, epochs=1, learning_rate=1e-8)
    trained(table, tmp_path, hardware=CPU, recipe=barely)
    assert card(tmp_path)["cross_validation"]["figures"]["log_loss"] < 0.8, "1.1 knows nothing"
    before, after = build().state_dict(), weights.read(tmp_path / "tiny.safetensors")
    assert torch.allclose(after["stem.weight"], before["stem.weight"], atol=1e-3)
    assert not torch.allclose(after["classifier.weight"], before["classifier.weight"], atol=0.1)


def test_the_temperature_is_folded_into_the_classifier(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for temperature in (1.0, 2.0):
        monkeypatch.setattr("inference.lab.validation.temperature", lambda _logits, _labels, t=temperature: t)
        trained(table, tmp_path / str(temperature), hardware=CPU, recipe=msgspec.structs.replace(RECIPE, epochs=1))
        found.append(weights.read(tmp_path / str(temperature) / "tiny.safetensors"))
    for name in ("classifier.weight", "classifier.bias"):
        assert torch.allclose(found[0][name], 2 * found[1][name], atol=1e-3), name
    assert torch.equal(found[0]["head.weight"], found[1]["head.weight"])


def test_a_step_clips_its_gradient_decays_matrices_only_and_averages_the_weights() -> None:
    recipe = msgspec.structs.replace(RECIPE, clip_norm=1e-3, weight_decay=0.5)
    network = build()
    state = _State(network, recipe, torch.zeros(1, 3, 24, 24))
    decays = {len(group["params"]): group["weight_decay"] for group in state._optimiser.param_groups}
    assert decays == {3: 0.5, 4: 0.0}, "two kernels and a matrix; biases and BatchNorm's"
    images, labels = torch.randn(4, 3, 24, 24), torch.tensor([0, 1, 2, 2])
    for _ in range(3):
        state.update(images, labels, 100)
    norm = torch.cat([each.grad.flatten() for each in network.parameters() if each.grad is not None]).norm()
    assert float(norm) <= 1.001e-3
    assert state.step == 3
    assert not torch.equal(state.averaged()["stem.weight"], network.state_dict()["stem.weight"])


def test_the_statistics_of_batchnorm_stay_and_its_parameters_learn(done: Path) -> None:
    tensors, before = weights.read(done / "tiny.safetensors"), build().state_dict()
    assert torch.equal(tensors["bn.running_mean"], before["bn.running_mean"])
    assert torch.equal(tensors["bn.running_var"], before["bn.running_var"])
    for name in ("bn.weight", "bn.bias", "stem.weight", "head.weight"):
        assert not torch.equal(tensors[name], before[name].half().float()), name


def test_the_pictures_that_were_held_out_are_listed_with_their_scores(done: Path, table: Path, tmp_path: Path) -> None:
    rows = held_out.read(done / "tiny.held-out.csv")
    assert len(rows) == 21
    assert all((table.parent / Path(each.file).name).exists() and "x-" not in each.slice for each in rows)
    loss = -sum(math.log(each.scores[LABELS.index(each.label)]) for each in rows) / len(rows)
    assert loss == pytest.approx(card(done)["cross_validation"]["figures"]["log_loss"], abs=1e-4)
    (tmp_path / "tiny.held-out.csv").write_text("of an earlier training")
    trained(table, tmp_path, hardware=CPU, fold_count=0)
    assert not (tmp_path / "tiny.held-out.csv").exists()


def test_pictures_that_are_held_out_are_never_fitted_and_judge_the_one_training(tmp_path: Path) -> None:
    table = pictures(tmp_path / "pictures", each=10)
    told: list[str] = []
    trained(table, tmp_path, hardware=CPU, hold_out=0.2, report=told.append)
    assert len(told) == RECIPE.epochs
    assert "56 pictures, epoch 1 of 2" in told[0]
    assert "held-out log loss" in told[0]
    found = card(tmp_path)
    assert found["cross_validation"]["figures"]["pictures"] == len(held_out.read(tmp_path / "tiny.held-out.csv")) == 14
    assert sum(found["pictures"]["labels"].values()) == 56
    assert found["cross_validation"]["held_out_by"] == "picture"
    assert (found["epochs"], found["curve"]["pets"]) == (RECIPE.epochs, 8)


def test_the_card_tells_where_the_weights_come_from_and_how_good_they_are(done: Path, table: Path) -> None:
    told = card(done)
    assert told["pictures"]["labels"] == {"cat": 6, "dog": 6, "neither": 9}
    assert told["pictures"]["slices"]["phone"] == {"cat": 3, "dog": 3}
    assert told["pictures"]["note"] == "drawn for a test"
    assert told["recipe"] == msgspec.to_builtins(RECIPE)
    assert told["start"] == {"package": "tests"}
    assert set(told["packages"]) == {"python", "numpy", "pillow", "timm", "torch", "torchvision"}
    assert told["machine"]["device"] == "cpu"
    assert told["minutes"] >= 0
    validation = told["cross_validation"]
    assert validation["held_out_by"] == "slice"
    assert sorted(name for fold in validation["folds"] for name in fold) == sorted(told["pictures"]["slices"])
    assert len(validation["log_loss_by_epoch"]) == RECIPE.epochs
    assert told["epochs"] == 1 + validation["log_loss_by_epoch"].index(min(validation["log_loss_by_epoch"]))
    assert validation["figures"]["pictures"] == 21
    assert validation["figures"]["pets_accepted"]["whole"] == 12
    assert thresholds(told) == EVEN, "the rule that the figures follow is the rule of the exported file"
    curve = operating_curve(told)
    assert curve is not None
    assert (curve.pets, curve.others) == (12, 9)
    at_half = next(each for each in curve.points if each.threshold == 0.5)
    assert at_half.pets_kept == validation["figures"]["pets_accepted"]["rate"]
    low, high = validation["slices"]["people"]["non_pets_accepted"]["interval"]
    assert 0 <= low < high <= 1
    assert "accuracy" not in validation["slices"]["people"], "there are no pets"
    assert told["not_fitted"]["x-drawings"]["pictures"] == 2
    assert ".jpg" not in json.dumps(told)
    assert str(table.parent) not in json.dumps(told)


def test_the_checksums_of_the_card_are_those_of_the_weights_and_of_the_table(done: Path) -> None:
    import hashlib

    found = hashlib.sha256((done / "tiny.safetensors").read_bytes()).hexdigest()
    assert card(done)["weights_sha256"] == found
    table = (done / "tiny.held-out.csv").read_bytes()
    assert card(done)["held_out_sha256"] == hashlib.sha256(table).hexdigest()


def test_checkpoints_are_removed_when_it_is_done_and_pictures_stay(done: Path) -> None:
    assert [path.name for path in (done / "work" / "tiny").iterdir()] == ["lock"]
    assert len(list((done / "work" / "pictures").iterdir())) == 23


@pytest.mark.usefixtures("_a_checkpoint_at_each_step")
@pytest.mark.parametrize(("stage", "at"), [("features", 21), ("fold 1", 4), ("fold 2", 2), ("all", 2)])
def test_a_training_that_is_interrupted_ends_with_the_same_bytes(
    stage: str, at: int, table: Path, done: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        trained(table, tmp_path, hardware=CPU, progress=interrupt(stage, at))
    steps: list[str] = []
    trained(table, tmp_path, hardware=CPU, progress=lambda now, _done, _total: steps.append(now.partition(",")[0]))
    assert (tmp_path / "tiny.safetensors").read_bytes() == (done / "tiny.safetensors").read_bytes()
    assert "pictures" not in steps, "they are there"
    if stage == "all":
        assert "fold 1 of 2" not in steps
        assert "fold 2 of 2" not in steps
    same = ("epochs", "cross_validation", "not_fitted", "weights_sha256")
    assert {name: card(tmp_path)[name] for name in same} == {name: card(done)[name] for name in same}


def test_another_seed_gives_other_weights(table: Path, done: Path, tmp_path: Path) -> None:
    trained(table, tmp_path, hardware=CPU, recipe=msgspec.structs.replace(RECIPE, seed=1), fold_count=0)
    assert (tmp_path / "tiny.safetensors").read_bytes() != (done / "tiny.safetensors").read_bytes()
    assert card(tmp_path)["cross_validation"] is None
    assert card(tmp_path)["epochs"] == RECIPE.epochs


def test_a_training_does_not_continue_with_other_pictures_or_options(table: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(table, tmp_path, hardware=CPU, progress=interrupt("fold 1", 1))
    with pytest.raises(ValueError, match=r"begun with other learning rate \(0\.01, now 0\.02\)\. Continue it"):
        trained(table, tmp_path, hardware=CPU, recipe=msgspec.structs.replace(RECIPE, learning_rate=0.02))
    less = table.with_name("less.csv")
    less.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(ValueError, match=r"begun with other pictures \(\w+, now \w+\)"):
        trained(less, tmp_path, hardware=CPU)


def test_pictures_are_held_out_by_origin_where_it_is_known_and_by_picture_where_nothing_is(tmp_path: Path) -> None:
    short = msgspec.structs.replace(RECIPE, epochs=1)
    origins = pictures(tmp_path / "a", columns=("slice", "origin"))
    trained(origins, tmp_path / "by origin", hardware=CPU, recipe=short)
    validation = card(tmp_path / "by origin")["cross_validation"]
    assert validation["held_out_by"] == "origin"
    assert "people of 1" in {name for fold in validation["folds"] for name in fold}
    bare = pictures(tmp_path / "b", columns=(), policy=0)
    trained(bare, tmp_path / "by picture", hardware=CPU, recipe=short)
    validation = card(tmp_path / "by picture")["cross_validation"]
    assert (validation["held_out_by"], validation["folds"]) == ("picture", [11, 10])


def test_each_epoch_is_told(table: Path, tmp_path: Path) -> None:
    told: list[str] = []
    trained(table, tmp_path, hardware=CPU, report=told.append, recipe=msgspec.structs.replace(RECIPE, epochs=1))
    assert told[0].startswith("fold 1 of 2, epoch 1 of 1: loss ")
    assert "held-out log loss" in told[0]
    assert "held-out" not in told[-1]


def test_a_loss_that_is_not_finite_ends_it_with_what_to_do(table: Path, tmp_path: Path) -> None:
    diverging = msgspec.structs.replace(RECIPE, learning_rate=1e30, clip_norm=1e30)
    with pytest.raises(ValueError, match=r"the loss of step \d+ is .*smaller --learning-rate"):
        trained(table, tmp_path, hardware=CPU, recipe=diverging)
    assert not (tmp_path / "tiny.safetensors").exists()


def test_a_missing_folder_and_one_fold_are_refused_before_a_picture_is_read(table: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        train([table], START, RECIPE, output=tmp_path / "none" / "weights", work=tmp_path / "work")
    with pytest.raises(ValueError, match="1 fold holds nothing out"):
        trained(table, tmp_path, fold_count=1)
    assert not (tmp_path / "work").exists()


def test_the_rate_rises_and_falls() -> None:
    recipe = Recipe(size=24, learning_rate=1.0, warmup_steps=100)
    rates = [recipe.rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01, abs=1e-3)
    assert max(rates) == pytest.approx(1, abs=0.03)
    assert rates.index(max(rates)) == 99
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert max(recipe.rate(step, 10) for step in range(10)) > 0.9, "a short training rises faster"
