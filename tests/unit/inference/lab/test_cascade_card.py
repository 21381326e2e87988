"""The card of a cascade: made from two trainings' held-out pictures, and found by an export."""

import json
from pathlib import Path

import pytest

from inference.errors import ModelUnusable
from inference.lab.cascade_card import choose, composed
from inference.lab.held_out import table_of
from inference.model.recipe import CASCADE, CASCADE_CARD
from tests.held_out_tables import LARGE, ROWS, SMALL, write, write_one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def test_the_card_says_what_is_deferred_and_what_that_does(folder: Path) -> None:
    choice = choose(folder, "large")
    assert choice.point.defer_below == 0.65, "2 and 3 are deferred, 4 is wrong in both networks"
    card = json.loads((folder / CASCADE_CARD).read_text())
    assert choice.file == folder / CASCADE_CARD
    assert (card["defer_below"], card["rule"], card["deferred"]) == (0.65, "large", 0.4)
    assert card["figures"]["three_way_accuracy"]["part"] == card["slices"]["web"]["three_way_accuracy"]["part"] == 4
    assert card["alone"] == {SMALL: {"pictures": 5}, LARGE: {"pictures": 5}}
    assert (choice.small.right, choice.large.right) == (0.4, 0.8)
    assert ".jpg" not in json.dumps(card), "it names no picture"


def test_an_export_finds_the_threshold_and_the_curve(folder: Path) -> None:
    choose(folder)
    found = composed(folder / CASCADE_CARD)
    assert found.cascade.rule == "mean"
    assert found.curve is not None
    assert (found.curve.pets, found.curve.others) == (3, 2)
    assert "neither network had seen" in found.curve.measured_on


def test_without_a_card_the_recipe_decides(tmp_path: Path) -> None:
    for file in (tmp_path / CASCADE_CARD, None):
        found = composed(file)
        assert (found.cascade, found.curve) == (CASCADE, None)


def test_the_card_of_other_weights_is_refused(folder: Path) -> None:
    choose(folder)
    (folder / f"{LARGE}.safetensors").write_bytes(b"trained again")
    with pytest.raises(ModelUnusable, match=r"made for other weights\. Choose again with `petstream model cascade"):
        composed(folder / CASCADE_CARD)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights_sha256": 3}'])
def test_a_damaged_card_is_refused(folder: Path, text: str) -> None:
    (folder / CASCADE_CARD).write_text(text)
    with pytest.raises(ModelUnusable, match=r"no card of a cascade|made for other weights"):
        composed(folder / CASCADE_CARD)


def test_two_trainings_must_have_the_same_pictures_and_folds(folder: Path) -> None:
    write_one(folder, LARGE, 2, folds=(["b"], ["a"]))
    with pytest.raises(ValueError, match="not held out alike: train both with the same --folds"):
        choose(folder)
    write_one(folder, LARGE, 2, {name: row for name, row in ROWS.items() if name != "3.jpg"})
    with pytest.raises(ValueError, match="not trained on the same pictures: train both with the same tables"):
        choose(folder)


def test_a_training_without_held_out_pictures_is_refused(folder: Path) -> None:
    table_of(folder / f"{SMALL}.safetensors").unlink()
    with pytest.raises(ValueError, match=r"held-out.csv is missing: repeat .*--arch efficientnet-lite0.*with --folds"):
        choose(folder)


@pytest.mark.parametrize("name", ["weights_sha256", "held_out_sha256"])
def test_what_a_killed_training_left_beside_an_earlier_card_is_refused(folder: Path, name: str) -> None:
    card = folder / f"{SMALL}.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {name: "of another"}))
    with pytest.raises(ValueError, match=r"are not of one training: repeat `petstream model train --arch"):
        choose(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cross_validation": null}'])
def test_a_damaged_card_of_a_training_is_refused(folder: Path, text: str) -> None:
    (folder / f"{LARGE}.json").write_text(text)
    with pytest.raises(ValueError, match=r"lite2.json is no card of a training: repeat"):
        choose(folder)
