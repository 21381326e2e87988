"""
The whole path without queue and bridge: VersityGW publishes its notifications to Kafka itself.

The tests share one store, and run in their order: the last ones look at what the others left.
"""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import urllib3

from deploy.local.errors import PartUnavailable
from deploy.local.pipeline import Worker
from deploy.local.ports import free_port
from tests.absent import cannot_run
from tests.backfilling import petstream, settle, summary
from tests.go_programs import BUILD_TIMEOUT_SECONDS
from tests.versity import Versity, find_program
from tests.world import PATIENCE_SECONDS, World, metric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_TIMEOUT_SECONDS + 1_200)]

BUCKETS: Final = ("cats-and-dogs", "dogs-and-cats")
"""Equally long: the store writes some names into memory that other requests write to."""
KEYS: Final = [
    "uploads/ann/a+b.png",
    "uploads/ann/a b.png",
    "uploads/ann/100%.png",
    "uploads/ann/a%20b.png",
    "uploads/ann/%2B+%20 .png",
    "uploads/ann/é/ü.png",
    "uploads/ann/日本/猫 🐈.png",
    "uploads/ann/a&b=c;d@e:f$g,h?i#j.png",
    "uploads/ann/quote\"'<script>.png",
    "uploads/bo b+é/her.png",
    "uploads/ann/" + "/".join(["long" * 50] * 4) + "/n+n.png",
]
FLAT: Final = [f"{number:02}+.png" for number in range(30)]
"""Names without a folder: their users are in the metadata."""

Objects = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def store(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versity]:
    try:
        program = find_program()
    except PartUnavailable as missing:
        cannot_run(str(missing))
    broker = module_world.stack.kafka.bootstrap_servers.split(",")[0]
    topic = f"{module_world.prefix}image-uploads"
    made = Versity(program, tmp_path_factory.mktemp("versity"), broker=broker, topic=topic)
    made.start()
    try:
        for bucket in BUCKETS:
            made.s3.create_bucket(Bucket=bucket)
        yield made
    finally:
        made.process.stop()


@pytest.fixture(scope="module")
def settings(store: Versity) -> dict[str, str]:
    """What this store's processes are given besides the settings of the world."""
    return store.environment() | {"S3_BUCKET": BUCKETS[0]}


@pytest.fixture(scope="module")
def workers(module_world: World, settings: dict[str, str]) -> list[Worker]:
    return module_world.start("classify", "sink", env=settings)


def outcomes(world: World) -> Objects:
    found = world.rows("SELECT source_bucket, source_key, outcome, reason FROM image_outcomes")
    return {(row["source_bucket"], row["source_key"]): row["reason"] or row["outcome"] for row in found}


def wait_for(world: World, expected: Objects) -> None:
    def differing() -> dict[Any, Any]:
        found = outcomes(world)
        return {each: found.get(each) for each, outcome in expected.items() if found.get(each) != outcome}

    world.eventually(lambda: not differing(), says=lambda: str(differing()))


@pytest.mark.usefixtures("workers")
def test_every_upload_has_its_row_whatever_its_key_and_its_neighbours(
    module_world: World, store: Versity, chelsea: bytes
) -> None:
    uploads = [(bucket, key) for key in [*KEYS, *FLAT] for bucket in BUCKETS]

    def upload(place: tuple[str, str]) -> None:
        metadata = {"user-name": "flat"} if place[1] in FLAT else {}
        store.s3.put_object(Bucket=place[0], Key=place[1], Body=chelsea, Metadata=metadata)

    with ThreadPoolExecutor(8) as at_once:
        list(at_once.map(upload, uploads))
    wait_for(module_world, dict.fromkeys(uploads, "cat"))
    settle(module_world)
    assert outcomes(module_world) == dict.fromkeys(uploads, "cat")
    users = Counter(row["user_name"] for row in module_world.rows("SELECT user_name FROM classification_records"))
    assert users == {"ann": 20, "bo b+é": 2, "flat": 60}


@pytest.mark.usefixtures("workers")
def test_copies_and_uploads_in_parts_have_their_rows(module_world: World, store: Versity, chelsea: bytes) -> None:
    source, copy, parts = (f"uploads/cid/{name}+.png" for name in ("source", "copy", "parts"))
    store.s3.put_object(Bucket=BUCKETS[0], Key=source, Body=chelsea)
    store.s3.copy_object(Bucket=BUCKETS[1], Key=copy, CopySource={"Bucket": BUCKETS[0], "Key": source})
    begun = store.s3.create_multipart_upload(Bucket=BUCKETS[0], Key=parts)["UploadId"]
    part = store.s3.upload_part(Bucket=BUCKETS[0], Key=parts, UploadId=begun, PartNumber=1, Body=chelsea)
    done: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    store.s3.complete_multipart_upload(Bucket=BUCKETS[0], Key=parts, UploadId=begun, MultipartUpload=done)
    wait_for(module_world, {(BUCKETS[0], source): "cat", (BUCKETS[1], copy): "cat", (BUCKETS[0], parts): "cat"})


@pytest.mark.usefixtures("workers")
def test_the_last_of_many_overwrites_wins_also_after_a_restart_of_the_store(
    module_world: World, store: Versity, chelsea: bytes, coffee: bytes
) -> None:
    place = (BUCKETS[0], "uploads/cid/again.png")
    for number in range(17):  # through each last digit of the store's hexadecimal counter
        data, outcome = ((chelsea, "cat"), (coffee, "not_a_pet"))[number % 2]
        store.s3.put_object(Bucket=place[0], Key=place[1], Body=data)
        wait_for(module_world, {place: outcome})
    store.process.stop()
    stopped = time.time()
    store.start()
    # It counts from 1 again, so that within one second nothing tells what came before the restart.
    module_world.eventually(lambda: int(time.time()) > int(stopped))
    store.s3.put_object(Bucket=place[0], Key=place[1], Body=coffee)
    wait_for(module_world, {place: "not_a_pet"})


def test_deletions_are_skipped_and_their_rows_stay(
    module_world: World, store: Versity, workers: list[Worker], chelsea: bytes
) -> None:
    keys = [f"uploads/dan/{number}+.png" for number in range(3)]
    for key in keys:
        store.s3.put_object(Bucket=BUCKETS[1], Key=key, Body=chelsea)
    wait_for(module_world, {(BUCKETS[1], key): "cat" for key in keys})
    store.s3.delete_object(Bucket=BUCKETS[1], Key=keys[0])
    doomed: Any = [{"Key": key} for key in keys[1:]]
    store.s3.delete_objects(Bucket=BUCKETS[1], Delete={"Objects": doomed})
    skipped = 'petstream_events_skipped_total{kind="removed"}'
    module_world.eventually(lambda: metric(workers[0], skipped) >= len(keys))
    settle(module_world)
    assert {key: outcomes(module_world)[(BUCKETS[1], key)] for key in keys} == dict.fromkeys(keys, "cat")


@pytest.mark.usefixtures("workers")
def test_reconcile_finds_what_the_store_could_not_tell(
    module_world: World, store: Versity, settings: dict[str, str], chelsea: bytes
) -> None:
    settle(module_world)
    place, at_once = f"s3://{BUCKETS[0]}/", ("--grace", "0", "--json")
    counted = summary(petstream(module_world, "reconcile", place, *at_once, **settings))
    assert counted["ok"] == counted["listed"] == len(KEYS) + len(FLAT) + 3

    form = store.s3.generate_presigned_post(BUCKETS[0], "uploads/eve/form.png")
    fields = form["fields"] | {"file": ("form.png", chelsea)}
    answered = urllib3.PoolManager().request("POST", form["url"], fields=fields)
    assert answered.status == 204, answered.data
    refused = "SELECT detail FROM image_rejections WHERE reason = 'malformed_event'"
    module_world.eventually(lambda: module_world.rows(refused))
    assert module_world.rows(refused) == [{"detail": "the record names no bucket or no key"}]

    assert summary(petstream(module_world, "reconcile", place, "--enqueue", *at_once, **settings), 1)["enqueued"] == 1
    wait_for(module_world, {(BUCKETS[0], "uploads/eve/form.png"): "cat"})


@pytest.mark.usefixtures("workers")
def test_neither_check_nor_the_board_misses_a_bridge(module_world: World, settings: dict[str, str]) -> None:
    checked = petstream(module_world, "check", "--json", **settings)
    assert checked.exit_code == 0, checked.output
    findings = json.loads(checked.stdout)["findings"]
    assert [each["state"] for each in findings if each["role"] == "bridge"] == ["ok"]
    assert {each["role"] for each in findings} == {"bridge", "classify", "sink"}

    port = free_port()
    module_world.start("board", env=settings | {"BOARD_PORT": str(port)})
    deadline = time.monotonic() + PATIENCE_SECONDS
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/events", timeout=60) as frames:
        for line in frames:
            if not line.startswith(b"data:"):
                continue
            condition = json.loads(line[5:])["condition"]
            states = {each["name"]: each["state"] for each in condition["components"]}
            if condition["headline"]["title"] == "All is well" and states["object_store"] == "works":
                break
            assert time.monotonic() < deadline, condition
    assert (states["queue"], states["bridge"]) == ("none", "none")
