"""One trace on real parts, from the message that tells of an upload to the row, its log lines and its spans."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.pipeline import Worker
from tests.integration.streams.bridge.test_bridge import TRACE, send
from tests.otlp import Collector, collecting
from tests.world import World

_, TRACE_ID, SPAN_ID, _ = TRACE.decode().split("-")
PARENTS = {
    "forward": None,  # below the span that the upload's message names
    "publish (bridge)": "forward",
    "classify": "publish (bridge)",
    "fetch": "classify",
    "decode": "classify",
    "inference": "classify",
    "publish (classifier)": "classify",
    "store": "publish (classifier)",
    "upsert": "store",
}


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.sdk", reason="petstream[tracing] is not installed")
    with collecting() as running:
        yield running


def lines(worker: Worker) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in worker.process.log_path.read_text("utf-8").splitlines() if line.startswith("{")
    ]


def forward(world: World, key: str, trace: str | None) -> None:
    attributes = {"traceparent": trace} if trace else {}
    send(world, world.notification(key, sequencer="01").decode(), **attributes)


async def test_a_pictures_spans_its_log_lines_and_its_row_are_of_the_trace_of_its_upload(
    world: World, chelsea: bytes, collector: Collector
) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200", "LOG_LEVEL": "DEBUG"}
    _, classifier, _ = world.start("bridge", "classify", "sink", env=env)
    key = "traced/uploads/ann/cat.png"  # not below the prefix: nothing but our message tells of it
    identity = world.put(key, chelsea, **{"user-name": "ann"})
    forward(world, key, TRACE.decode())
    world.wait_outcomes(key)
    world.eventually(lambda: len(collector.spans(TRACE_ID)) >= len(PARENTS), says=lambda: str(collector.spans()))

    found = collector.spans(TRACE_ID)
    by_name = {
        f"{each.name} ({each.service.removeprefix('petstream-')})" if each.name == "publish" else each.name: each
        for each in found
    }
    assert len(found) == len(PARENTS)
    assert by_name.keys() == PARENTS.keys()
    assert {name: each.parent_id for name, each in by_name.items()} == {
        name: by_name[parent].span_id if parent else SPAN_ID for name, parent in PARENTS.items()
    }
    assert {each.service for each in found} == {"petstream-bridge", "petstream-classifier", "petstream-sink"}
    assert {each.attributes.get("petstream.id") for each in found} == {str(identity), None}
    assert "ann" not in str([each.attributes for each in collector.spans()])

    links = {each.name: each.links for each in collector.spans() if each.name.endswith(".batch")}
    assert links == {
        "inference.batch": (by_name["inference"].span_id,),
        "upsert.batch": (by_name["upsert"].span_id,),
    }

    (event,) = await world.events("image-classifications")
    assert dict(event.headers)["traceparent"].decode() == f"00-{TRACE_ID}-{by_name['publish (classifier)'].span_id}-01"
    (row,) = world.rows("SELECT trace_id FROM classification_records WHERE id = %s", identity)
    assert row["trace_id"] == TRACE_ID
    (said,) = [line for line in lines(classifier) if line["event"] == "image.classified"]
    assert (said["trace_id"], said["id"]) == (TRACE_ID, str(identity))


async def test_without_spans_and_without_a_trace_one_is_made_that_message_result_rejection_and_log_share(
    running: World, unannounced: str
) -> None:
    key = f"{unannounced}broken.png"
    identity = running.put(key, b"no picture at all", **{"user-name": "ann"})
    forward(running, key, None)
    running.wait_outcomes(key)
    (uploaded,) = [m for m in await running.events("image-uploads") if key.encode() in m.value]
    (rejected,) = [m for m in await running.events("image-rejections") if key.encode() in m.value]
    carried = dict(uploaded.headers)["traceparent"].decode()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", carried)
    assert dict(rejected.headers)["traceparent"].decode() == carried
    (row,) = running.rows("SELECT trace_id FROM image_rejections WHERE id = %s", identity)

    def said() -> list[str]:
        of_it = (line for line in lines(running.workers[1]) if line.get("id") == str(identity))
        return [line["trace_id"] for line in of_it if line["event"] == "image.rejected"]

    running.eventually(said)  # it is written once the result is confirmed, when the row may be there already
    assert [row["trace_id"]] == said() == [carried.split("-")[1]]


def test_a_collector_that_is_away_costs_warnings_and_no_picture(world: World, chelsea: bytes) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="petstream[tracing] is not installed")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_MAX_QUEUE_SIZE": "600"}
    workers = world.start("bridge", "classify", "sink", env=env)
    keys = [f"uploads/ann/{number}.png" for number in range(60)]
    for key in keys:
        world.put(key, chelsea)
    assert set(world.wait_outcomes(*keys).values()) == {"cat"}
    assert [(worker.health() or {})["status"] for worker in workers] == ["ok"] * 3
    for worker in workers:
        os.kill(worker.process.pid, signal.SIGTERM)
    for worker in workers:
        assert worker.process.wait(60) == 0
        said = lines(worker)
        assert said[-1]["event"] == "service.stopped"
        batches = [line for line in said if line["event"].startswith("batch.")]
        counts = [line.get("messages") or line.get("images") or line["rows"] for line in batches]
        assert sum(counts) >= len(keys)
        assert all(line["milliseconds"] >= 0 for line in batches)
        # One line a batch: what is left are the start, the stop, and the collector's absence.
        assert len(said) - len(batches) < 30, [line["event"] for line in said if line not in batches]
        assert not [line for line in said if line.get("level") == "info" and line["event"].startswith("image.")]
