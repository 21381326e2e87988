"""docs/metrics.md tells every metric of the code and nothing else, and no label can take a value without end."""

import re

from prometheus_client import Counter, Gauge, Histogram, Info

from streams.runtime import metrics
from tools import metrics_page

KINDS = (Counter, Gauge, Histogram, Info)


def test_every_metric_of_the_code_is_on_the_page() -> None:
    in_code = {metric for metric in vars(metrics).values() if isinstance(metric, KINDS)}
    assert in_code == set(metrics_page.MOVED_BY)
    told = re.findall(r"^\| `(petstream_\w+)`", metrics_page.PATH.read_text(), re.MULTILINE)
    assert told == [metrics_page.name(metric) for metric in metrics_page.MOVED_BY]


def test_every_label_is_created_at_zero_or_said_to_be_of_the_deployment() -> None:
    for metric in metrics_page.MOVED_BY:
        for label, values in metrics_page.labels(metric).items():
            if values is None:
                assert label in metrics_page.OPEN_LABELS
            else:
                assert values, f"{metrics_page.name(metric)}: no value of {label} is created at the start"


def test_names_carry_the_prefix_and_a_base_unit() -> None:
    for metric in metrics_page.MOVED_BY:
        name = metrics_page.name(metric)
        assert name.startswith("petstream_")
        assert not re.search(r"_(ms|millis\w*|milliseconds|kb|mb|percent)(_|$)", name)
        if isinstance(metric, Histogram):
            assert metrics_page.unit(metric), f"{name} has no unit"


def test_the_objective_is_an_edge_of_both_latencies() -> None:
    for latency in (metrics.RESULT_LATENCY, metrics.STORED_LATENCY):
        assert 5.0 in latency._upper_bounds
