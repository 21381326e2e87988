"""The plots of ``report`` as numbers for its template. Pure."""

import math
from collections.abc import Sequence
from typing import Any, Final

from inference.lab.calibration import Bin
from inference.lab.operating_curve import Point
from inference.prediction import Label, Prediction

_COLUMNS: Final = 20
_FROM: Final = 0.3  # lower thresholds accept so much that the others would be one spot in the plot
# The plots' area within a view box of 360 x 300; the page draws its axes at the same numbers.
_LEFT, _WIDTH, _TOP, _HEIGHT = 40, 300, 20, 240


def reliability(bins: Sequence[Bin]) -> dict[str, Any]:
    """Share of right pictures by confidence."""
    total = sum(each.right.whole for each in bins)
    dots = [
        {
            "x": _x(each.confidence),
            "y": _y(each.right.rate),
            "low": _y(each.right.interval[0]),
            "high": _y(each.right.interval[1]),
            "r": round(3 + 7 * math.sqrt(each.right.whole / total), 1),
            "text": f"{each.right.part} of {each.right.whole} right at a mean confidence of {each.confidence:.3f}",
        }
        for each in bins
        if each.right.whole
    ]
    ticks = [{"x": _x(at / 4), "y": _y(at / 4), "text": f"{at / 4:g}"} for at in range(5)]
    return {"dots": dots, "ticks": ticks}


def histogram(judged: Sequence[tuple[Label, Prediction]], accept: float) -> dict[str, Any]:
    """Pictures by the sum of cat and dog, and where the threshold is."""
    counts = {"pets": [0] * _COLUMNS, "others": [0] * _COLUMNS}
    for label, prediction in judged:
        column = min(int((1 - prediction.scores.neither) * _COLUMNS), _COLUMNS - 1)
        counts["others" if label == "neither" else "pets"][max(column, 0)] += 1
    middle, half = _TOP + _HEIGHT / 2, _HEIGHT / 2 - 24
    most = max(max(each) for each in counts.values())
    scale = half / math.log1p(max(most, 1))
    bars = [
        {
            "kind": kind,
            "x": round(_x(column / _COLUMNS) + 1, 1),
            "w": _WIDTH / _COLUMNS - 2,
            "h": round(scale * math.log1p(count), 1),
            "y": round(middle - (scale * math.log1p(count) if kind == "pets" else 0), 1),
            "text": f"{count} {kind} from {column / _COLUMNS:.2f} to {(column + 1) / _COLUMNS:.2f}",
        }
        for kind, columns in counts.items()
        for column, count in enumerate(columns)
        if count
    ]
    marks = [0, *(10**power for power in range(len(str(most))) if 10**power <= most)]
    ticks = [{"y": round(middle + side * scale * math.log1p(at), 1), "text": at} for at in marks for side in (-1, 1)]
    return {"bars": bars, "ticks": ticks, "cut": _x(accept)}


def operating(points: Sequence[Point], own: Point) -> dict[str, Any] | None:
    """Pets kept against false pets, each axis as long as its values need; None without pets or without others."""
    if not own.pets_kept.whole or not own.false_pets.whole:
        return None
    points = [each for each in points if each.thresholds.accept >= _FROM]
    most = max(0.001, *(each.false_pets.rate for each in (*points, own)))
    least = min(0.999, *(each.pets_kept.rate for each in (*points, own)))

    def dot(each: Point) -> dict[str, Any]:
        kept, false = each.pets_kept, each.false_pets
        return {
            "x": _x(false.rate / most),
            "y": _y((kept.rate - least) / (1 - least)),
            "text": f"at {each.thresholds.accept:g}: {100 * kept.rate:.1f} % of pets kept, "
            f"{100 * false.rate:.1f} % of others accepted",
        }

    return {
        "dots": [dot(each) for each in points],
        "line": " ".join(f"{each['x']},{each['y']}" for each in map(dot, points)),
        "own": dot(own),
        "across": [{"x": _x(at / 4), "text": f"{100 * most * at / 4:.2g}"} for at in range(5)],
        "up": [{"y": _y(at / 4), "text": f"{100 * (least + (1 - least) * at / 4):.1f}"} for at in range(5)],
    }


def _x(share: float) -> float:
    return round(_LEFT + _WIDTH * share, 1)


def _y(share: float) -> float:
    return round(_TOP + _HEIGHT * (1 - share), 1)
