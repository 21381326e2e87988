"""What names no new object is counted by its kind, the same in the bridge and in the classifier."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.consumer.skipping import SHOWN_CHARS, count_skipped
from streams.notifications.event_names import SKIP_KINDS
from streams.notifications.upload import Skipped
from streams.runtime import metrics
from tests.dialects import amazon, body, s3_record
from tests.unit.streams.bridge.test_bridge import Broker, Queue, bridge, until


def counted() -> dict[str, float]:
    return {kind: metrics.EVENTS_SKIPPED.labels(kind)._value.get() for kind in SKIP_KINDS}


def new_since(before: dict[str, float]) -> dict[str, float]:
    return {kind: count - before[kind] for kind, count in counted().items() if count != before[kind]}


def test_a_skipped_event_is_counted_and_told_in_the_log_without_a_warning() -> None:
    before = counted()
    with capture_logs() as logs:
        count_skipped(Skipped("ObjectRemoved:" + "x" * 5000, "removed"))
    assert new_since(before) == {"removed": 1}
    (line,) = logs
    assert (line["event"], line["log_level"], line["kind"]) == ("upload.skipped", "debug", "removed")
    assert len(line["event_name"]) == SHOWN_CHARS


def test_what_a_person_has_to_do_is_a_warning() -> None:
    with capture_logs() as logs:
        count_skipped(Skipped("sns:SubscriptionConfirmation", "subscription", "Subscribe again."))
    assert [(line["log_level"], line["remedy"]) for line in logs] == [("warning", "Subscribe again.")]


FOLDER = s3_record("uploads/ann/")
FOLDER["s3"]["object"]["size"] = 0
TAGGED = s3_record("k", eventName="s3:ObjectCreated:PutTagging")


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ({"Records": [FOLDER]}, {"folder": 1}),
        ({"Records": [TAGGED, FOLDER, TAGGED]}, {"folder": 1, "metadata": 2}),
        ({"Records": [{"body": json.dumps({"Records": [TAGGED]})}]}, {"metadata": 1}),
        ({"Type": "SubscriptionConfirmation", "Message": "x"}, {"subscription": 1}),
        ({"source": "my.app", "detail-type": "Object Created", "detail": {}}, {"other_source": 1}),
        ({"action": "DeleteObject", "bucket": "b", "object": {"key": "k"}}, {"removed": 1}),
        ({"Event": "s3:TestEvent"}, {"test": 1}),
        ({"Records": []}, {"other": 1}),
    ],
    ids=str,
)
async def test_the_bridge_drops_what_the_parser_skips_and_counts_it(message: Any, kinds: dict[str, float]) -> None:
    before = counted()
    queue, broker, stop = Queue(body(message).decode()), Broker(), asyncio.Event()
    running = asyncio.create_task(bridge(queue, broker).run(stop))
    await until(lambda: queue.deleted == ["0"])
    stop.set()
    await asyncio.wait_for(running, 60)
    assert broker.published == []
    assert new_since(before) == kinds


async def test_a_message_with_one_upload_travels_whole_and_its_classifier_counts() -> None:
    before = counted()
    message = body({"Records": [TAGGED, *json.loads(amazon("k"))["Records"]]})
    queue, broker, stop = Queue(message.decode()), Broker(), asyncio.Event()
    broker.confirms.set()
    running = asyncio.create_task(bridge(queue, broker).run(stop))
    await until(lambda: queue.deleted == ["0"])
    stop.set()
    await asyncio.wait_for(running, 60)
    assert broker.published == [(b"pets/k", message)]
    assert new_since(before) == {}
