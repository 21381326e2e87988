"""The whole path on real parts: a bucket, a queue, Kafka, three processes, PostgreSQL."""

import io
import json
from datetime import UTC, datetime

import pytest
from PIL import Image

from streams.contracts import decode_classified, decode_rejected
from tests.dialects import DIALECTS
from tests.world import World, metric

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

AWKWARD_KEYS = [
    "uploads/ann/a+b.png",
    "uploads/ann/a b.png",
    "uploads/ann/100%.png",
    "uploads/ann/é/ü.png",
    "uploads/ann/../x",
    "uploads/ann//double.png",
    "uploads/ann/./dot.png",
    "uploads/ann/a%20b.png",
    "uploads/ann/日本/猫 🐈.png",
    "uploads/ann/a&b=c;d@e:f$g,h?i#j.png",
    "uploads/ann/quote\"'<script>.png",
]


async def test_a_picture_becomes_an_event_and_a_row(running: World, chelsea: bytes) -> None:
    identity = running.put("uploads/zoe/chelsea.png", chelsea)
    running.wait_outcomes("uploads/zoe/chelsea.png")
    (row,) = running.rows("SELECT * FROM classification_records WHERE id = %s", identity)
    (message,) = [m for m in await running.events("image-classifications") if decode_classified(m.value).id == identity]
    event = decode_classified(message.value)

    assert (row["classification"], row["user_name"]) == ("cat", "zoe")
    assert row["image_url"] == f"s3://{running.bucket}/uploads/zoe/chelsea.png" == event.image_url
    assert float(row["confidence"]) == pytest.approx(event.confidence, abs=1e-4)
    assert event.confidence > 0.9
    assert (row["timestamp"], row["source_sequencer"]) == (event.uploaded_at, event.sequencer)
    assert row["processing_time"] == event.processing_time_ms > 0
    assert abs((row["timestamp"] - datetime.now(UTC)).total_seconds()) < 300
    assert message.key == f"{running.bucket}/uploads/zoe/chelsea.png".encode()
    headers = dict(message.headers)
    assert headers["ce_type"] == b"petstream.image.classified.v1"
    assert headers["ce_subject"] == str(identity).encode()
    assert event.version_id == row["source_version_id"] is not None  # the bucket has versions, the event names one


def test_every_awkward_key_travels_the_whole_way(running: World, chelsea: bytes) -> None:
    for key in AWKWARD_KEYS:
        running.put(key, chelsea)
    outcomes = running.wait_outcomes(*AWKWARD_KEYS)
    assert {key: outcomes[key] for key in AWKWARD_KEYS} == dict.fromkeys(AWKWARD_KEYS, "cat")


def test_one_corrupt_picture_does_not_reject_its_neighbours(running: World, chelsea: bytes) -> None:
    keys = [f"uploads/ann/batch/{i}.png" for i in range(12)]
    for i, key in enumerate(keys):
        running.put(key, chelsea[:2000] if i == 5 else chelsea)
    outcomes = running.wait_outcomes(*keys)
    assert [outcomes[key] for key in keys] == ["cat"] * 5 + ["undecodable"] + ["cat"] * 6


def test_what_is_no_pet_or_no_picture_is_rejected_with_its_reason(
    running: World, chelsea: bytes, coffee: bytes
) -> None:
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    expected = {
        "uploads/ann/coffee.png": (coffee, "not_a_pet"),
        "uploads/ann/notes.jpg": (b"Dear diary,\n" * 30, "unsupported_format"),
        "uploads/ann/cut.png": (chelsea[:5000], "undecodable"),
        "uploads/ann/bomb.png": (bomb.getvalue(), "too_many_pixels"),
        "uploads/ann/long.bin": (b"\0" * (33 * 1024 * 1024), "too_many_bytes"),
        "uploads/nobody.png": (chelsea, "no_user"),
    }
    for key, (data, _) in expected.items():
        running.put(key, data)
    outcomes = running.wait_outcomes(*expected)
    assert {key: outcomes[key] for key in expected} == {key: reason for key, (_, reason) in expected.items()}


async def test_an_object_that_vanished_is_missing_and_its_notification_is_kept(running: World) -> None:
    message = running.notification("uploads/ann/vanished.png")
    await running.publish(message)
    outcomes = running.wait_outcomes("uploads/ann/vanished.png")
    assert outcomes["uploads/ann/vanished.png"] == "missing"
    (row,) = running.rows("SELECT upload_event FROM image_rejections WHERE source_key = 'uploads/ann/vanished.png'")
    assert row["upload_event"] == message


async def test_a_message_that_is_no_notification_is_rejected_once_with_its_bytes(running: World) -> None:
    await running.publish(b"\xff not json", b"\xff not json")
    running.eventually(lambda: running.rows("SELECT 1 FROM image_rejections WHERE reason = 'malformed_event'"))
    rejected = [decode_rejected(m.value) for m in await running.events("image-rejections")]
    assert {r.upload_event for r in rejected if r.reason == "malformed_event"} == {b"\xff not json"}
    rows = running.rows("SELECT upload_event FROM image_rejections WHERE reason = 'malformed_event'")
    assert [row["upload_event"] for row in rows] == [b"\xff not json"]


def test_metadata_names_the_user(running: World, chelsea: bytes) -> None:
    running.put("uploads/ann/hers.png", chelsea, **{"user-name": "berta"})
    running.wait_outcomes("uploads/ann/hers.png")
    (row,) = running.rows("SELECT user_name FROM classification_records WHERE source_key = 'uploads/ann/hers.png'")
    assert row["user_name"] == "berta"


def test_a_later_upload_of_the_same_object_replaces_its_outcome(running: World, chelsea: bytes, coffee: bytes) -> None:
    key = "uploads/ann/again.png"
    running.put(key, chelsea)
    assert running.wait_outcomes(key)[key] == "cat"
    running.put(key, coffee)
    running.eventually(lambda: running.outcomes()[key] == "not_a_pet")
    running.put(key, chelsea)
    running.eventually(lambda: running.outcomes()[key] == "cat")
    assert len(running.rows("SELECT 1 FROM image_outcomes WHERE source_key = %s", key)) == 1


async def test_repeated_and_reordered_notifications_end_as_the_newest(
    running: World, chelsea: bytes, coffee: bytes
) -> None:
    key = "outside/shuffled.png"  # not below uploads/: only our own messages tell of it
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


async def test_every_dialect_finds_its_object_whatever_the_key(running: World, chelsea: bytes) -> None:
    keys = []
    for dialect in DIALECTS:
        for name in ("a+b c.png", "100%25.png", "é/../ü.png"):
            keys.append(f"{dialect.__name__}/{name}")  # not below uploads/: only our own message tells of it
            running.put(keys[-1], chelsea, **{"user-name": "ann"})
            await running.publish(dialect(keys[-1], running.bucket, None))
    outcomes = running.wait_outcomes(*keys)
    assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")


async def test_one_message_may_name_several_objects(running: World, chelsea: bytes) -> None:
    keys = [f"uploads/ann/several/{i}.png" for i in range(3)]
    records = []
    for key in keys:
        version = running.stack.objects.s3.put_object(Bucket=running.bucket, Key=key, Body=chelsea)["VersionId"]
        records += json.loads(running.notification(key, sequencer="FF", version_id=version))["Records"]
    await running.publish(json.dumps({"Records": [*records, {"broken": True}]}).encode())
    outcomes = running.wait_outcomes(*keys)
    assert [outcomes[key] for key in keys] == ["cat"] * 3


async def test_a_trace_is_carried_from_upload_to_result(running: World, chelsea: bytes) -> None:
    identity = running.put("traced/uploads.png", chelsea)  # not below the prefix: nothing but our message tells of it
    message = running.notification("traced/uploads.png")
    await running.publish(message, headers=[("traceparent", TRACE)])
    running.wait_outcomes("traced/uploads.png")
    (event,) = [m for m in await running.events("image-rejections") if decode_rejected(m.value).id == identity]
    assert dict(event.headers)["traceparent"] == TRACE


def test_the_test_event_of_the_bucket_is_counted_and_deleted(running: World) -> None:
    bridge = running.workers[0]
    running.eventually(lambda: metric(bridge, 'petstream_queue_messages_total{outcome="skipped"}') >= 1)
    running.eventually(lambda: running.left_in_queue() == 0)


def test_everything_that_was_taken_is_acknowledged(running: World) -> None:
    """Runs after the others of this module: nothing is left behind, and nobody crashed."""
    running.eventually(lambda: all((worker.health() or {}).get("status") == "ok" for worker in running.workers))
    running.eventually(lambda: all(metric(worker, "petstream_events_in_flight") == 0 for worker in running.workers[1:]))
