import numpy as np
import pytest

from inference.lab.sampling import drawn, probabilities

LABELS = ["cat"] * 10 + ["dog"] * 100 + ["neither"] * 1000
SLICES = ["phone"] * 10 + ["phone"] * 100 + ["people"] * 100 + ["objects"] * 900


def test_labels_have_their_shares_and_slices_the_square_root_of_their_size() -> None:
    chances = probabilities(LABELS, SLICES)  # type: ignore[arg-type] # they are labels
    assert chances.sum() == pytest.approx(1)
    cats, dogs, people, objects = chances[:10], chances[10:110], chances[110:210], chances[210:]
    assert (cats.sum(), dogs.sum()) == (pytest.approx(0.25), pytest.approx(0.25))
    assert people.sum() + objects.sum() == pytest.approx(0.5)
    assert objects.sum() == pytest.approx(3 * people.sum())
    for part in (cats, dogs, people, objects):
        assert np.allclose(part, part[0])


def test_a_label_without_pictures_is_named() -> None:
    with pytest.raises(ValueError, match="dog, neither"):
        probabilities(["cat"], ["phone"])


def test_a_step_draws_the_same_pictures_by_seed_and_others_at_the_next() -> None:
    chances = probabilities(LABELS, SLICES)  # type: ignore[arg-type] # they are labels
    assert np.array_equal(drawn(chances, 32, (0, 1, 2)), drawn(chances, 32, (0, 1, 2)))
    assert not np.array_equal(drawn(chances, 32, (0, 1, 2)), drawn(chances, 32, (0, 1, 3)))
    assert not np.array_equal(drawn(chances, 32, (0, 1, 2)), drawn(chances, 32, (1, 1, 2)))


def test_what_is_drawn_has_the_shares() -> None:
    chances = probabilities(LABELS, SLICES)  # type: ignore[arg-type] # they are labels
    pictures = drawn(chances, 20_000, (0,))
    counts = [np.mean(pictures < 10), np.mean((pictures >= 10) & (pictures < 110)), np.mean(pictures >= 110)]
    assert counts == pytest.approx([0.25, 0.25, 0.5], abs=0.02)
