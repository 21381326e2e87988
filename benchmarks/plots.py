"""Plots of a run in one image: throughput, latency over load, growth of cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # draws into files: there may be no display
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

OURS, OTHERS, LIMIT = "#1b6ca8", "#b8b8b8", "#444444"


def draw(document: Mapping[str, Any], path: Path) -> None:
    """Plot the parts that were run."""
    panels = [
        (panel, document[part]) for part, panel in (("compare", _rates), ("latency", _latency)) if document.get(part)
    ] + [(_growing(name), points) for name, points in document.get("growth", {}).items() if points]
    if not panels:
        return
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(5.2 * columns, 3.6 * lines), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (panel, data) in zip(axes.flat, panels, strict=False):
        panel(axis, data)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _rates(axis: Axes, rounds: Sequence[Mapping[str, Any]]) -> None:
    names = list(rounds[0])
    values = {name: [one[name]["pictures_per_second"] for one in rounds] for name in names}
    values["bare loop"] = [one["petstream"]["limit"]["pictures_per_second"] for one in rounds if "petstream" in one]
    shown = sorted(values, key=lambda name: median(values[name]))
    middle = [median(values[name]) for name in shown]
    low = [m - min(values[name]) for name, m in zip(shown, middle, strict=True)]
    high = [max(values[name]) - m for name, m in zip(shown, middle, strict=True)]
    colours = [OURS if name == "petstream" else LIMIT if name == "bare loop" else OTHERS for name in shown]
    axis.barh(shown, middle, color=colours, xerr=[low, high], error_kw={"lw": 1})
    axis.set_title("pictures per second (median and range)", fontsize=10)


def _latency(axis: Axes, points: Sequence[Mapping[str, float]]) -> None:
    for name, style in (("p50_ms", "o-"), ("p95_ms", "s--"), ("p99_ms", "^:")):
        axis.plot([each["per_second"] for each in points], [each[name] for each in points], style, color=OURS)
    axis.set_title("upload event to result event, ms: p50, p95, p99", fontsize=10)
    axis.set_xlabel("pictures per second")
    axis.set_yscale("log")


def _growing(name: str) -> Any:
    def panel(axis: Axes, points: Sequence[Mapping[str, float]]) -> None:
        at, ms = [each["at"] for each in points], [each["ms"] for each in points]
        axis.plot(at, ms, "o-", color=OURS, clip_on=False)
        axis.set_title(f"ms a picture or row, by {name}", fontsize=10)
        axis.set_ylim(0, 1.1 * max(ms))
        if max(at) > 100 * max(min(at), 1):
            axis.set_xscale("symlog", linthresh=min(each for each in at if each))
            axis.set_xlim(0, max(at))

    return panel
