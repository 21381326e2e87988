import io
from typing import Any

import pytest
from rich.console import Console

from benchmarks import tables
from benchmarks.latency import summarise


def ran(rate: float, cpu: float, *, limit: float = 100.0, limit_cpu: float = 20.0) -> dict[str, Any]:
    return {
        "pictures": 10,
        "pictures_per_second": rate,
        "cpu_ms_per_picture": {
            "classify-1": cpu,
            "sink": 5.0,
            "kafka": 3.0,
            "postgres": 1.0,
            "store": 0.1,
            "bench": 0.4,
        },
        "peak_mib": {"classify-1": 700.0},
        "limit": {"pictures_per_second": limit, "cpu_ms_per_picture": limit_cpu},
    }


def text(document: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200)
    for table in tables.tables(document):
        console.print(table)
    said: str = console.file.getvalue()  # type: ignore[attr-defined]
    return said


def test_only_what_classifies_counts_as_the_classifiers_processor_time() -> None:
    assert tables.own_cpu(ran(1, 21.5)) == 21.5


def test_a_ratio_is_of_one_round_and_the_table_shows_median_and_range() -> None:
    rounds = [{"petstream": ran(90, 22)}, {"petstream": ran(40, 42, limit=50, limit_cpu=40)}]
    said = text({"compare": rounds})
    assert "1.08 (1.05 to 1.10)" in said
    assert "0.85 (0.80 to 0.90)" in said


def test_the_best_peer_is_chosen_apart_for_each_kind_of_allocator() -> None:
    round_one = {
        "petstream": ran(90, 22),
        "petstream int8": ran(120, 16),
        "a": ran(20, 50),
        "b": ran(30, 50),
        "a+malloc": ran(45, 30),
        "b+malloc": ran(40, 30),
    }
    assert tables.best_peer([round_one], tuned=False) == "b"
    assert tables.best_peer([round_one], tuned=True) == "a+malloc"
    said = text({"compare": [round_one]})
    assert "3.00" in said
    assert "2.00" in said


def test_without_peers_nothing_is_reported_of_them() -> None:
    assert tables.best_peer([{"petstream": ran(90, 22)}], tuned=True) is None
    assert "peer" not in text({"compare": [{"petstream": ran(90, 22)}]})


def test_latencies_are_reported_in_milliseconds_and_in_times_of_the_picture_alone() -> None:
    at = summarise(1.0, [(30.0, 15.0)] * 99 + [(90.0, 15.0)])
    assert (at.p50_ms, at.times_p50) == (30.0, 2.0)
    assert at.p99_ms == pytest.approx(30.6)
    assert at.pictures == 100
