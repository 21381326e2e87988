"""A proportion with its confidence interval. Pure."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_Z: Final = NormalDist().inv_cdf(0.975)  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Proportion:
    """``part`` of ``whole``: 0 <= part <= whole."""

    part: int
    whole: int

    def __post_init__(self) -> None:
        if not 0 <= self.part <= self.whole:
            raise ValueError(f"{self.part} of {self.whole} is no proportion")

    @property
    def rate(self) -> float:
        """0..1; NaN if ``whole`` is 0."""
        return self.part / self.whole if self.whole else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """
        Wilson's score interval, 95 %, without continuity correction: (low, high), 0..1; (0, 1) if ``whole`` is 0.

        Unlike rate ± 2 standard deviations, it stays within 0..1 and has a width at rates of 0 and 1.

        Source: Wilson 1927; Newcombe 1998, "Two-sided confidence intervals for the single proportion", method 3.
        """
        if not self.whole:
            return 0.0, 1.0
        n, rate = self.whole, self.rate
        centre = rate + _Z**2 / (2 * n)
        spread = _Z * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
        scale = 1 + _Z**2 / n
        # At rates 0 and 1 the bounds are exactly 0 and 1; the square root would miss them by rounding.
        low = 0.0 if self.part == 0 else (centre - spread) / scale
        high = 1.0 if self.part == n else (centre + spread) / scale
        return low, high
