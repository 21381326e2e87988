"""A real Prometheus scrapes a running pipeline: every panel has data, every rule evaluates, every label is known."""

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import Histogram

from deploy.grafana.__main__ import DASHBOARDS
from deploy.local.prometheus import Prometheus
from deploy.local.prometheus_binaries import PrometheusBinaries
from persistence.pool import MAX_CONNECTIONS
from tests.world import World
from tools import metrics_page

JOBS = {
    "bridge": "petstream-bridge",
    "classify": "petstream-classifier",
    "sink": "petstream-sink",
    "reconcile": "petstream-reconcile",
}
QUERIES = [
    pytest.param(query.expression, id=f"{dashboard.uid}-{panel.title}-{number}".replace(" ", "_"))
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for number, query in enumerate(panel.queries)
]
ROUNDS = 4


@pytest.fixture(scope="module")
def pictures(chelsea: bytes, coffee: bytes) -> dict[str, bytes]:
    """One of a cat, one of no pet, one that is none."""
    return {"cat.png": chelsea, "coffee.png": coffee, "broken.jpg": b"\xff\xd8\xff\xe0 no picture"}


@dataclass(frozen=True, slots=True)
class Scraped:
    """A Prometheus, and when the pipeline was at work that it scraped."""

    server: Prometheus
    began: float
    ended: float


@pytest.fixture(scope="module")
def scraped(
    module_world: World,
    quick_model: Path,
    pictures: dict[str, bytes],
    prometheus_programs: PrometheusBinaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scraped]:
    """Has scraped a pipeline with a shadow model for some seconds while it labelled, rejected, parked and stored."""
    world = module_world
    workers = world.start(
        "bridge",
        "classify",
        "sink",
        env={"MODEL_SHADOW_URI": str(quick_model), "RETRY_DELAYS": "600,600,3600"},
        wait=False,
    )
    workers.append(world.reconcile_every("6h"))
    server = Prometheus(
        tmp_path_factory.mktemp("prometheus"),
        {JOBS[worker.role]: [worker.url.removeprefix("http://")] for worker in workers},
        rule_files=[Path("deploy/prometheus/alerts.yml")],
    )
    server.start()
    try:
        for worker in workers:
            worker.wait_ready()
        began = time.time()
        asyncio.run(world.publish(world.notification("uploads/ann/gone.jpg")))
        for number in range(ROUNDS):
            keys = [f"uploads/ann/{number}-{name}" for name in pictures]
            for key, data in zip(keys, pictures.values(), strict=True):
                world.put(key, data)
            world.wait_outcomes(*keys)
            wait_for_scrapes(server, world)  # a rate needs more than one
        lag = 'sum(petstream_kafka_consumer_lag_records{topic="image-uploads-retry-1m"})'  # looked at each 5 s
        world.eventually(lambda: any(float(each["value"][1]) == 1 for each in server.query(lag)))
        yield Scraped(server, began, time.time())
    finally:
        server.stop()


def wait_for_scrapes(server: Prometheus, world: World) -> None:
    """Until each process was scraped since now; Prometheus begins some 5 s after its start."""
    now = time.time()
    world.eventually(lambda: any(float(oldest["value"][1]) > now for oldest in server.query("min(timestamp(up))")))


@pytest.fixture
def prometheus(scraped: Scraped) -> Prometheus:
    return scraped.server


@pytest.mark.parametrize("expression", QUERIES)
def test_every_query_of_every_panel_has_data(scraped: Scraped, expression: str) -> None:
    asked = expression.replace("$__rate_interval", "20s")
    series = scraped.server.query_range(asked, start=scraped.began, end=scraped.ended, step_seconds=1)
    values = [float(value) for one in series for _, value in one["values"]]
    assert values, f"empty: {asked}"
    assert any(not math.isnan(value) for value in values), f"nothing but NaN: {asked}"


def test_every_rule_evaluates_and_none_fires_on_a_pipeline_that_is_well(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("/api/v1/rules")["groups"] for rule in group["rules"]]
    assert len(rules) >= 10
    assert {rule["name"]: (rule["health"], rule.get("lastError")) for rule in rules} == {
        rule["name"]: ("ok", None) for rule in rules
    }
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_every_metric_is_scraped_from_every_process_and_its_labels_are_those_of_the_page(
    prometheus: Prometheus,
) -> None:
    for metric in metrics_page.MOVED_BY:
        name = metrics_page.name(metric)
        series = prometheus.query(f"{name}_count" if isinstance(metric, Histogram) else name)
        assert series, f"{name} is scraped from nowhere"
        known: dict[str, list[str] | None] = metrics_page.labels(metric) | dict.fromkeys(
            ["__name__", "job", "instance"]
        )
        for one in series:
            for label, value in one["metric"].items():
                assert label in known, f"{name} has a label {label} that the page does not know"
                values = known[label]
                assert values is None or value in values, f'{name}: {label}="{value}"'


def test_what_the_pipeline_did_is_what_prometheus_saw(prometheus: Prometheus) -> None:
    def total(expression: str) -> float:
        (only,) = prometheus.query(f"sum({expression})")
        return float(only["value"][1])

    assert total('petstream_classifications_total{label="cat"}') == ROUNDS
    assert total('petstream_rejections_total{reason="not_a_pet"}') == ROUNDS
    assert total('petstream_rejections_total{reason="undecodable"}') == ROUNDS
    assert total('petstream_sink_rows_total{outcome="inserted"}') == 3 * ROUNDS
    assert total('petstream_shadow_images_total{outcome="agree"}') > 0
    assert total('petstream_db_pool_connections_max{job="petstream-sink"}') == MAX_CONNECTIONS
    assert 1 <= total('petstream_db_pool_connections{job="petstream-sink"}') <= MAX_CONNECTIONS
    assert total("petstream_oldest_event_timestamp_seconds") == 0  # everything is settled
    assert total("petstream_live") == total("petstream_ready") == 4
    assert total('petstream_last_event_timestamp_seconds{topic="image-uploads"}') == pytest.approx(time.time(), abs=120)
    assert total('petstream_uploads_parked_total{reason="missing"}') == 1
    assert total('petstream_kafka_consumer_lag_records{topic="image-uploads-retry-1m"}') == 1
    assert len(prometheus.query("petstream_kafka_consumer_lag_records")) == 7 * 3  # of each topic, by its owner
