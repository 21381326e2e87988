"""Percentiles from a histogram."""

from datetime import timedelta

import pytest

from streams.board.latencies import LATENCY_MAX, Latencies


def of(*milliseconds: float, weight: float = 1.0) -> Latencies:
    found = Latencies()
    for each in milliseconds:
        found.add(timedelta(milliseconds=each), weight)
    return found


@pytest.mark.parametrize("scale", [1, 37, 3_000])
def test_percentiles_are_within_five_per_cent(scale: int) -> None:
    found = of(*(number * scale for number in range(1, 1001)))
    for percent in (50, 95):
        assert found.percentile(percent) == pytest.approx(percent * 10 * scale, rel=0.05)


def test_without_latencies_there_is_no_percentile() -> None:
    assert of().percentile(50) is None
    assert of(-1, LATENCY_MAX / timedelta(milliseconds=1)).percentile(95) is None


def test_the_shortest_and_the_longest_have_a_bin_and_the_bins_are_few() -> None:
    assert of(0).percentile(50) == 1
    assert of(3_599_999).percentile(95) == pytest.approx(3_600_000, rel=0.05)
    assert len(of(*range(0, 3_600_000, 97))._bins) <= 160


def test_a_heavy_latency_counts_as_many() -> None:
    found = of(100, weight=1 / 3)
    for _ in range(2):
        found.add(timedelta(milliseconds=100), 1 / 3)
    found.add(timedelta(seconds=9), 0.9)
    assert found.percentile(50) == pytest.approx(100, rel=0.05)
    assert found.percentile(95) == pytest.approx(9000, rel=0.05)
