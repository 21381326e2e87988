from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.lab.folds import by_picture, grouped
from inference.prediction import LABELS, Label

WORLD: list[tuple[str, Label, int]] = [
    *(("phone", "cat", 40), ("phone", "dog", 40), ("web", "cat", 60), ("web", "dog", 70)),
    *(("breeds", "cat", 20), ("breeds", "dog", 20), ("people", "neither", 50), ("objects", "neither", 40)),
    *(("scenes", "neither", 30), ("birds", "neither", 10)),
]


def rows(world: list[tuple[str, Label, int]]) -> tuple[list[str], list[Label]]:
    return [name for name, _, n in world for _ in range(n)], [label for _, label, n in world for _ in range(n)]


def test_a_slice_lies_in_one_fold_and_each_fold_holds_out_pets_and_others() -> None:
    groups, labels = rows(WORLD)
    fold = grouped(groups, labels, 3)
    of_group = defaultdict(set)
    for name, number in zip(groups, fold, strict=True):
        of_group[name].add(number)
    assert all(len(numbers) == 1 for numbers in of_group.values())
    for number in range(3):
        assert {label for label, at in zip(labels, fold, strict=True) if at == number} == set(LABELS)


def test_where_labels_are_balanced_alike_the_smaller_fold_is_filled() -> None:
    world: list[tuple[str, Label, int]] = [("phone", "cat", 7), ("phone", "dog", 7), ("web", "cat", 7)]
    world += [("web", "dog", 7), ("action", "dog", 5), ("social", "cat", 5), ("people", "neither", 5)]
    groups, labels = rows([*world, ("objects", "neither", 5)])
    fold = grouped(groups, labels, 2)
    assert (fold.count(0), fold.count(1)) == (24, 24)


def test_the_order_of_the_pictures_does_not_matter() -> None:
    groups, labels = rows(WORLD)
    fold = dict(zip(groups, grouped(groups, labels, 3), strict=True))
    backwards = dict(zip(groups[::-1], grouped(groups[::-1], labels[::-1], 3), strict=True))
    assert fold == backwards


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(LABELS), st.integers(1, 30)), min_size=6, max_size=40
    ),
    st.integers(2, 4),
)
def test_whatever_is_divided_each_fold_has_pictures_and_leaves_each_label_to_fit(
    world: list[tuple[str, Label, int]], folds: int
) -> None:
    groups, labels = rows(world)
    try:
        fold = grouped(groups, labels, folds)
    except ValueError:
        return
    assert set(fold) == set(range(folds))
    for number in range(folds):
        assert {label for label, at in zip(labels, fold, strict=True) if at != number} == set(labels)


def test_too_few_groups_and_a_label_in_one_group_are_told_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"3 folds need .* there are 2 \(people, phone\).*--folds 2, or --folds 0"):
        grouped(["phone", "phone", "people"], ["cat", "dog", "neither"], 3)
    groups, labels = rows([("phone", "cat", 3), ("web", "cat", 3), ("phone", "dog", 3), ("people", "neither", 3)])
    with pytest.raises(ValueError, match="every picture of dog and of neither: divide them"):
        grouped(groups, labels, 2)


def test_without_groups_each_label_is_dealt_out() -> None:
    assert by_picture(["cat", "cat", "dog", "cat", "dog"], 2) == [0, 1, 0, 0, 1]
