"""
Pictures that are drawn from formulas, for which a model file carries its own answers.

An engine that mis-converts a layer, swaps channels or computes in too few bits answers otherwise, and is refused before
it serves. Drawn rather than stored: integer arithmetic gives the same pixels on every machine and costs no bytes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PATTERNS: Final = 4
TOLERANCE: Final = (
    0.05  # of a log-score: float32 engines differ by 1e-3, half precision by 1e-2, a wrong layer by 1 and more
)
BFLOAT16_TOLERANCE: Final = 0.5  # it has three digits, and processors without it compute in float32
INT8_TOLERANCE: Final = 0.5  # a step of int8 arithmetic is coarse, and not every processor rounds alike
FLOOR: Final = 1e-5  # scores below say nothing and are compared as if they were this


def draw(pattern: int, side: int) -> NDArray[np.uint8]:
    """uint8 (side, side, 3): rings over a slope, another hue, centre and pitch for each ``pattern`` (0..63)."""
    y, x = np.mgrid[0:side, 0:side].astype(np.int64)
    rings = ((x - 37 * pattern) ** 2 + (y - side // 3) ** 2) // (17 + 23 * pattern)
    planes = [rings * (1 + pattern % 3) + 3 * x, rings + 5 * y * (pattern + 1), 255 - rings // 2 + x - y]
    return (np.stack(planes, axis=-1) % 256).astype(np.uint8)


def drawn(side: int) -> list[NDArray[np.uint8]]:
    """The patterns that our own files carry answers for."""
    return [draw(pattern, side) for pattern in range(PATTERNS)]


def deviation(expected: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """The largest difference of two score arrays of one shape, in natural logarithms, scores below FLOOR aside."""
    return float(np.abs(np.log(np.maximum(expected, FLOOR)) - np.log(np.maximum(actual, FLOOR))).max())
