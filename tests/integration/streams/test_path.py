"""The whole path on real parts: a bucket, a queue, Kafka, three processes, PostgreSQL."""

import io
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from PIL import Image

from streams.contracts import decode_classified, decode_rejected
from tests.dialects import DIALECTS
from tests.world import World, metric

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

AWKWARD_NAMES = [
    "a+b.png",
    "a b.png",
    "100%.png",
    "é/ü.png",
    "../x",
    "/double.png",
    "./dot.png",
    "a%20b.png",
    "日本/猫 🐈.png",
    "a&b=c;d@e:f$g,h?i#j.png",
    "quote\"'<script>.png",
]


async def test_a_picture_becomes_an_event_and_a_row(running: World, upload_prefix: str, chelsea: bytes) -> None:
    key = f"{upload_prefix}chelsea.png"
    identity = running.put(key, chelsea)
    running.wait_outcomes(key)
    (row,) = running.rows("SELECT * FROM classification_records WHERE id = %s", identity)
    (message,) = [m for m in await running.events("image-classifications") if decode_classified(m.value).id == identity]
    event = decode_classified(message.value)

    assert (row["classification"], row["user_name"]) == ("cat", upload_prefix.split("/")[1])
    assert row["image_url"] == f"s3://{running.bucket}/{key}" == event.image_url
    assert float(row["confidence"]) == pytest.approx(event.confidence, abs=1e-4)
    assert event.confidence > 0.9
    assert (row["timestamp"], row["source_sequencer"]) == (event.uploaded_at, event.sequencer)
    assert row["processing_time"] == event.processing_time_ms > 0
    assert abs((row["timestamp"] - datetime.now(UTC)).total_seconds()) < 300
    assert message.key == f"{running.bucket}/{key}".encode()
    headers = dict(message.headers)
    assert headers["ce_type"] == b"petstream.image.classified.v1"
    assert headers["ce_subject"] == str(identity).encode()
    assert event.version_id == row["source_version_id"] is not None  # the bucket has versions, the event names one


def test_every_awkward_key_travels_the_whole_way(running: World, upload_prefix: str, chelsea: bytes) -> None:
    keys = [upload_prefix + name for name in AWKWARD_NAMES]
    for key in keys:
        running.put(key, chelsea)
    outcomes = running.wait_outcomes(*keys)
    assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")


def test_one_corrupt_picture_does_not_reject_its_neighbours(running: World, upload_prefix: str, chelsea: bytes) -> None:
    keys = [f"{upload_prefix}{i}.png" for i in range(12)]
    for i, key in enumerate(keys):
        running.put(key, chelsea[:2000] if i == 5 else chelsea)
    outcomes = running.wait_outcomes(*keys)
    assert [outcomes[key] for key in keys] == ["cat"] * 5 + ["undecodable"] + ["cat"] * 6


def test_what_is_no_pet_or_no_picture_is_rejected_with_its_reason(
    running: World, upload_prefix: str, chelsea: bytes, coffee: bytes
) -> None:
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    expected = {
        f"{upload_prefix}coffee.png": (coffee, "not_a_pet"),
        f"{upload_prefix}notes.jpg": (b"Dear diary,\n" * 30, "unsupported_format"),
        f"{upload_prefix}cut.png": (chelsea[:5000], "undecodable"),
        f"{upload_prefix}bomb.png": (bomb.getvalue(), "too_many_pixels"),
        f"{upload_prefix}long.bin": (b"\0" * (33 * 1024 * 1024), "too_many_bytes"),
        f"uploads/{uuid4()}.png": (chelsea, "no_user"),
    }
    for key, (data, _) in expected.items():
        running.put(key, data)
    outcomes = running.wait_outcomes(*expected)
    assert {key: outcomes[key] for key in expected} == {key: reason for key, (_, reason) in expected.items()}


async def test_an_object_that_vanished_is_missing_and_its_notification_is_kept(
    running: World, upload_prefix: str
) -> None:
    key = f"{upload_prefix}vanished.png"
    message = running.notification(key)
    await running.publish(message)
    assert running.wait_outcomes(key)[key] == "missing"
    (row,) = running.rows("SELECT upload_event FROM image_rejections WHERE source_key = %s", key)
    assert row["upload_event"] == message


async def test_a_message_that_is_no_notification_is_rejected_once_with_its_bytes(running: World) -> None:
    message = b"\xff not json " + uuid4().bytes
    stored = "SELECT upload_event FROM image_rejections WHERE reason = 'malformed_event' AND upload_event = %s"
    await running.publish(message, message)
    running.eventually(lambda: running.rows(stored, message))
    rejected = [decode_rejected(m.value) for m in await running.events("image-rejections")]
    assert {r.reason for r in rejected if r.upload_event == message} == {"malformed_event"}
    assert len(running.rows(stored, message)) == 1


def test_metadata_names_the_user(running: World, upload_prefix: str, chelsea: bytes) -> None:
    key = f"{upload_prefix}hers.png"
    running.put(key, chelsea, **{"user-name": "berta"})
    running.wait_outcomes(key)
    (row,) = running.rows("SELECT user_name FROM classification_records WHERE source_key = %s", key)
    assert row["user_name"] == "berta"


def test_a_later_upload_of_the_same_object_replaces_its_outcome(
    running: World, upload_prefix: str, chelsea: bytes, coffee: bytes
) -> None:
    key = f"{upload_prefix}again.png"
    running.put(key, chelsea)
    assert running.wait_outcomes(key)[key] == "cat"
    running.put(key, coffee)
    running.eventually(lambda: running.outcomes()[key] == "not_a_pet")
    running.put(key, chelsea)
    running.eventually(lambda: running.outcomes()[key] == "cat")
    assert len(running.rows("SELECT 1 FROM image_outcomes WHERE source_key = %s", key)) == 1


async def test_repeated_and_reordered_notifications_end_as_the_newest(
    running: World, unannounced: str, chelsea: bytes, coffee: bytes
) -> None:
    key = f"{unannounced}shuffled.png"
    versions = {}
    for name, data in (("cat", chelsea), ("coffee", coffee)):
        answer = running.stack.objects.s3.put_object(
            Bucket=running.bucket, Key=key, Body=data, Metadata={"user-name": "ann"}
        )
        versions[name] = answer["VersionId"]
    later = running.notification(key, sequencer="F2", version_id=versions["coffee"], at="2027-01-01T00:00:02Z")
    earlier = running.notification(key, sequencer="F1", version_id=versions["cat"], at="2027-01-01T00:00:01Z")
    await running.publish(later, earlier, later, earlier, earlier)
    running.eventually(lambda: running.outcomes().get(key) == "not_a_pet")
    rows = "SELECT source_sequencer, updated_at FROM image_rejections WHERE source_key = %s"
    (before,) = running.rows(rows, key)
    assert before["source_sequencer"].rstrip("0") == "F2"

    sink = running.workers[2]
    stale = 'petstream_sink_rows_total{outcome="stale"}'
    seen = metric(sink, stale)
    await running.publish(later, earlier)
    running.eventually(lambda: metric(sink, stale) >= seen + 1)
    assert running.rows(rows, key) == [before]
    assert running.outcomes()[key] == "not_a_pet"


async def test_every_dialect_finds_its_object_whatever_the_key(
    running: World, unannounced: str, chelsea: bytes
) -> None:
    keys = []
    for dialect in DIALECTS:
        for name in ("a+b c.png", "100%25.png", "é/../ü.png"):
            keys.append(f"{unannounced}{dialect.__name__}/{name}")
            running.put(keys[-1], chelsea, **{"user-name": "ann"})
            await running.publish(dialect(keys[-1], running.bucket, None))
    outcomes = running.wait_outcomes(*keys)
    assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")


async def test_one_message_may_name_several_objects(running: World, upload_prefix: str, chelsea: bytes) -> None:
    keys = [f"{upload_prefix}{i}.png" for i in range(3)]
    records = []
    for key in keys:
        version = running.stack.objects.s3.put_object(Bucket=running.bucket, Key=key, Body=chelsea)["VersionId"]
        records += json.loads(running.notification(key, sequencer="FF", version_id=version))["Records"]
    await running.publish(json.dumps({"Records": [*records, {"broken": True}]}).encode())
    outcomes = running.wait_outcomes(*keys)
    assert [outcomes[key] for key in keys] == ["cat"] * 3


async def test_a_trace_is_carried_from_upload_to_result(running: World, unannounced: str, chelsea: bytes) -> None:
    key = f"{unannounced}traced.png"
    identity = running.put(key, chelsea)
    await running.publish(running.notification(key), headers=[("traceparent", TRACE)])
    running.wait_outcomes(key)
    (event,) = [m for m in await running.events("image-rejections") if decode_rejected(m.value).id == identity]
    assert dict(event.headers)["traceparent"] == TRACE


def test_the_test_event_of_the_bucket_is_counted_and_deleted(running: World) -> None:
    bridge = running.workers[0]
    running.eventually(lambda: metric(bridge, 'petstream_queue_messages_total{outcome="skipped"}') >= 1)
    running.eventually(lambda: running.left_in_queue() == 0)


def test_everything_that_was_taken_is_acknowledged(running: World) -> None:
    """Runs after the others of this module: nothing is left behind, and nobody crashed."""
    workers = running.workers[:3]  # tests may have added more
    running.eventually(lambda: all((worker.health() or {}).get("status") == "ok" for worker in workers))
    running.eventually(lambda: all(metric(worker, "petstream_events_in_flight") == 0 for worker in workers[1:]))
