from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference.lab.examples import Example
from inference.lab.validation import divided, judged, split, validated
from inference.prediction import LABELS, Label


def example(label: Label, slice_: str, origin: str = "") -> Example:
    return Example(Path("x.jpg"), label, slice_, origin, "0")


def sure(labels: list[Label], margin: float) -> Tensor:
    """Logits that give each label ``margin`` more than the others."""
    return margin * torch.nn.functional.one_hot(torch.tensor([LABELS.index(each) for each in labels]), 3).float()


HELD_OUT = [
    [example("cat", "phone"), example("neither", "people")],
    [example("dog", "web"), example("neither", "coco")],
]


def test_the_epoch_with_the_least_log_loss_over_all_folds_is_chosen() -> None:
    logits = [[sure(["cat", "neither"], margin) for margin in (1, 3, 2)], [sure(["dog", "neither"], 1)] * 3]
    verdict = validated("slice", HELD_OUT, logits)
    assert verdict.epochs == 2
    assert verdict.log_losses.index(min(verdict.log_losses)) == 1
    assert verdict.folds == [["people", "phone"], ["coco", "web"]]
    assert [each.label for each in verdict.examples] == ["cat", "neither", "dog", "neither"]


def test_the_logits_are_divided_by_the_temperature() -> None:
    wrong = [[sure(["cat", "cat"], 4)], [sure(["dog", "neither"], 4)]]
    verdict = validated("slice", HELD_OUT, wrong)
    assert verdict.temperature > 1.5, "a quarter of the pictures is wrong, with a score of 0.96"
    assert torch.allclose(verdict.logits * verdict.temperature, torch.cat([fold[0] for fold in wrong]))


def test_origins_count_before_slices_and_pictures_are_the_last_resort() -> None:
    each: list[tuple[Label, str, str]] = [("cat", "a", ""), ("cat", "b", ""), ("dog", "a", ""), ("dog", "b", "")]
    each += [("neither", "c", ""), ("neither", "d", "")]
    assert divided([example(*row) for row in each], 2)[0] == "slice"
    assert divided([example(label, "all", f"{slice_}!") for label, slice_, _ in each], 2)[0] == "origin"
    assert divided([example(label, "all") for label, _, _ in each], 2) == ("picture", [0, 1, 0, 1, 0, 1])
    assert divided([example(*row) for row in each], 0)[1] == []
    with pytest.raises(ValueError, match="--folds 2 or more"):
        divided([example(*row) for row in each], 1)


def test_the_same_share_of_each_slice_is_held_out() -> None:
    pictures = [example(label, name) for label in LABELS for name in ("a", "b") for _ in range(20)]
    fitted, held_out = split(pictures, 0.1)
    assert len(fitted) == 108
    assert [(each.label, each.slice) for each in held_out] == [
        (label, name) for label in LABELS for name in ("a", "a", "b", "b")
    ]
    assert split(pictures, 0.0) == (pictures, [])
    for share, said in ((0.6, "at most half"), (0.01, "leaves a label without a picture")):
        with pytest.raises(ValueError, match=said):
            split(pictures, share)


def test_small_slices_hold_out_their_share_together() -> None:
    large = [example(label, "large") for label in LABELS for _ in range(19)]
    small = [example("cat", f"small {number // 3}") for number in range(30)]
    alone = split(large, 0.1)[1]
    held_out = split([*small[:15], *large, *small[15:]], 0.1)[1]
    assert [each for each in held_out if each.slice == "large"] == alone, "others change nothing in a large slice"
    assert [each.slice for each in held_out if each.slice != "large"] == ["small 3", "small 6", "small 9"]


def test_of_one_training_the_last_epoch_is_judged() -> None:
    logits = [sure(["cat", "neither"], margin) for margin in (1, 3, 2)]
    verdict = judged(HELD_OUT[0], logits)
    assert (verdict.grouping, verdict.folds, verdict.epochs) == ("picture", [2], 3)
    assert len(verdict.log_losses) == 3
    assert torch.allclose(verdict.logits * verdict.temperature, logits[-1])
