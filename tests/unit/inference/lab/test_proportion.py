import math

import pytest

from inference.lab.proportion import Proportion


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(part: int, whole: int, low: float, high: float) -> None:
    """Newcombe 1998, table I, method 3."""
    assert Proportion(part, whole).interval == pytest.approx((low, high), abs=5e-5)


def test_all_of_them_is_the_mirror_of_none_of_them() -> None:
    assert Proportion(20, 20).interval == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert Proportion(20, 20).interval[1] == 1.0


def test_of_nothing_nothing_is_known() -> None:
    assert math.isnan(Proportion(0, 0).rate)
    assert Proportion(0, 0).interval == (0.0, 1.0)


@pytest.mark.parametrize(("part", "whole"), [(2, 1), (-1, 1), (0, -1)])
def test_more_than_all_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        Proportion(part, whole)
