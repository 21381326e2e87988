"""A run's figures as tables for a terminal, and the project's goals beside the reached figures."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from rich.table import Table

Rounds = Sequence[Mapping[str, Any]]

CPU_RATIO_MAX: Final = 1.10
RATE_RATIO_MIN: Final = 0.85
PEERS_MIN: Final = 3.0
TUNED_PEERS_MIN: Final = 2.0
TIMES_P50_MAX: Final = 2.0
TIMES_P95_MAX: Final = 3.0


def tables(document: Mapping[str, Any]) -> Iterator[Table]:
    """The tables of the parts that were run."""
    if document.get("limits"):
        yield limits(document["limits"])
    if document.get("compare"):
        yield contenders(document["compare"])
    if document.get("latency"):
        yield latency(document["latency"])
    for name, points in document.get("growth", {}).items():
        yield growth(name, points)
    yield goals(document)


def limits(found: Sequence[Mapping[str, Any]]) -> Table:
    """The bare loop of each engine."""
    table = Table("bare loop", "workers", "batch", "pictures/s", "CPU ms/picture", "peak MiB", title="limit")
    for each in found:
        table.add_row(
            each["engine"],
            str(each["workers"]),
            str(each["batch"]),
            f"{each['pictures_per_second']:.1f}",
            f"{each['cpu_ms_per_picture']:.1f}",
            f"{each['peak_mib']:.0f}",
        )
    return table


def contenders(rounds: Rounds) -> Table:
    """Each contender's throughput and CPU time, and their ratios to the bare loop of the same minute."""
    table = Table("contender", "pictures/s", "over limit", "CPU ms/picture", "over limit", "by process", "peak MiB")
    names = sorted({name for one in rounds for name in one}, key=lambda name: -median(_rates(rounds, name)))
    for name in names:
        ones = [one[name] for one in rounds if name in one]
        spent = {
            process: median(one["cpu_ms_per_picture"][process] for one in ones)
            for process in ones[0]["cpu_ms_per_picture"]
        }
        table.add_row(
            name,
            spread([one["pictures_per_second"] for one in ones], ".1f"),
            spread([one["pictures_per_second"] / one["limit"]["pictures_per_second"] for one in ones], ".2f"),
            spread([own_cpu(one) for one in ones], ".1f"),
            spread([own_cpu(one) / one["limit"]["cpu_ms_per_picture"] for one in ones], ".2f"),
            ", ".join(f"{process} {ms:.1f}" for process, ms in spent.items()),
            f"{max(max(one['peak_mib'].values()) for one in ones):.0f}",
        )
    return table


def latency(points: Sequence[Mapping[str, Any]]) -> Table:
    """Latency at each rate."""
    table = Table("pictures/s", "pictures", "p50 ms", "p95 ms", "p99 ms", "p50 over alone", "p95 over alone")
    for each in points:
        table.add_row(
            f"{each['per_second']:.1f}",
            str(each["pictures"]),
            *(f"{each[name]:.0f}" for name in ("p50_ms", "p95_ms", "p99_ms")),
            *(f"{each[name]:.2f}" for name in ("times_p50", "times_p95")),
        )
    return table


def growth(name: str, points: Sequence[Mapping[str, Any]]) -> Table:
    """The cost at each size."""
    table = Table(name, "per second", "ms each", "peak MiB")
    for each in points:
        table.add_row(
            f"{each['at']:,.10g}", f"{each['per_second']:,.1f}", f"{each['ms']:.2f}", f"{each['peak_mib']:.0f}"
        )
    return table


def goals(document: Mapping[str, Any]) -> Table:
    """The goals of benchmarks/RESULTS.md beside what this run reached."""
    table = Table("figure", "wanted", "reached (median, range)", title="goals")
    rounds = document.get("compare") or []
    if ours := [one["petstream"] for one in rounds if "petstream" in one]:
        cpu = [own_cpu(one) / one["limit"]["cpu_ms_per_picture"] for one in ours]
        rate = [one["pictures_per_second"] / one["limit"]["pictures_per_second"] for one in ours]
        table.add_row("classifier's CPU over a bare loop", f"≤ {CPU_RATIO_MAX:.2f}", spread(cpu, ".2f"))
        table.add_row("pictures/s over a bare loop", f"≥ {RATE_RATIO_MIN}", spread(rate, ".2f"))
        for tuned, wanted in ((False, PEERS_MIN), (True, TUNED_PEERS_MIN)):
            if best := best_peer(rounds, tuned=tuned):
                over = [
                    one["petstream"]["pictures_per_second"] / one[best]["pictures_per_second"]
                    for one in rounds
                    if best in one and "petstream" in one
                ]
                table.add_row(f"pictures/s over the best peer, {best}", f"≥ {wanted:g}", spread(over, ".2f"))
    if points := document.get("latency"):
        low = points[0]
        table.add_row("p50 at low load over the picture alone", f"≤ {TIMES_P50_MAX:g}", f"{low['times_p50']:.2f}")
        table.add_row("p95 at low load over the picture alone", f"≤ {TIMES_P95_MAX:g}", f"{low['times_p95']:.2f}")
    return table


def best_peer(rounds: Rounds, *, tuned: bool) -> str | None:
    """The fastest peer, as documented or with the tuned allocator."""
    names = {
        name for one in rounds for name in one if not name.startswith("petstream") and name.endswith("+malloc") == tuned
    }
    return max(names, key=lambda name: median(_rates(rounds, name)), default=None)


def own_cpu(figures: Mapping[str, Any]) -> float:
    """CPU milliseconds per picture of the classifying processes alone."""
    others = {"kafka", "postgres", "store", "sink", "bench"}
    return float(sum(ms for process, ms in figures["cpu_ms_per_picture"].items() if process not in others))


def spread(values: Sequence[float], form: str) -> str:
    """Median and range."""
    text = format(median(values), form)
    return text if len(values) == 1 else f"{text} ({format(min(values), form)} to {format(max(values), form)})"


def _rates(rounds: Rounds, name: str) -> list[float]:
    return [one[name]["pictures_per_second"] for one in rounds if name in one]
