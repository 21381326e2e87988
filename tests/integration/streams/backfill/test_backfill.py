"""Objects that were there before the notifications: what a person types, and what is on the topic and in the tables."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pytest

from streams.backfill.listing import Listing, Place
from streams.contracts.identity import image_id
from streams.runtime.outages import Outages
from tests.backfilling import petstream, place, settle, summary, tell, uploads
from tests.proxy import TcpProxy
from tests.world import World

AWKWARD = (
    "a+b.png",
    "a b.png",
    "a%20b.png",
    "100%.png",
    "é/ü.png",
    "../x.png",
    "/x.png",
    "x//y.png",
    "'quoted' \"twice\".png",
    "two\nlines\r\ttab.png",
    "nul\0.png",
    "&amp;<x>.png",
    "🐈.png",
    "{curly}[square]\\back.png",
)

# --- through the whole path

ROW = "SELECT * FROM classification_records WHERE id = %s"


def test_existing_objects_become_rows_whatever_their_keys_and_a_second_time_changes_nothing(
    running: World, unannounced: str, chelsea: bytes
) -> None:
    keys = [unannounced + name for name in AWKWARD]
    for key in keys:
        running.put(key, chelsea, **{"user-name": "ann"})
    running.put(f"{unannounced}folder/", b"")
    done = summary(petstream(running, "backfill", place(running, unannounced), "--json"))
    assert (done["listed"], done["enqueued"], done["folders"], done["known"]) == (len(keys) + 1, len(keys), 1, 0)

    def rows() -> list[list[dict[str, Any]]]:
        return [running.rows(ROW, image_id(running.bucket, key)) for key in keys]

    running.eventually(lambda: all(rows()), says=lambda: str([k for k, r in zip(keys, rows(), strict=True) if not r]))
    before = rows()
    for key, (row,) in zip(keys, before, strict=True):
        stored = key if "\0" not in key else key.replace("%", "%25").replace("\0", "%00")  # docs/decisions/0007
        assert (row["source_key"], row["source_bucket"], row["user_name"]) == (stored, running.bucket, "ann")
        assert row["classification"] == "cat"
        assert row["source_sequencer"] == "0" * 64

    again = summary(petstream(running, "backfill", place(running, unannounced), "--json"))
    assert again["known"] == again["enqueued"] == len(keys)
    settle(running)
    assert rows() == before
    assert running.rows("SELECT 1 FROM image_rejections WHERE starts_with(source_key, %s)", unannounced) == []


def test_a_real_notification_is_neither_undone_by_a_backfill_nor_by_its_repeat(
    running: World, unannounced: str, chelsea: bytes
) -> None:
    key = f"{unannounced}1.png"
    running.put(key, chelsea, **{"user-name": "ann"})
    tell(running, key, sequencer="F1", at="2026-11-01T20:00:00.123Z")
    running.wait_outcomes(key)
    before = running.rows(ROW, image_id(running.bucket, key))
    assert before[0]["source_sequencer"].rstrip("0") == "F1"
    summary(petstream(running, "backfill", place(running, unannounced), "--json"))
    summary(petstream(running, "backfill", place(running, unannounced), "--json", DATABASE_HOST=None))
    settle(running)
    assert running.rows(ROW, image_id(running.bucket, key)) == before


def test_a_newer_model_judges_again_what_is_known_and_a_real_later_upload_still_wins(
    running: World, unannounced: str, chelsea: bytes, coffee: bytes
) -> None:
    key = f"{unannounced}1.png"
    identity = running.put(key, chelsea, **{"user-name": "ann"})
    tell(running, key, sequencer="F1", at="2026-11-01T20:00:00.123Z")
    running.wait_outcomes(key)
    older = "UPDATE classification_records SET model_rev = 0, classification = 'dog' WHERE id = %s RETURNING id"
    assert running.rows(older, identity)  # as if a model before this one had judged
    assert running.outcomes()[key] == "dog"
    # Without the database the event has no sequencer, and loses.
    summary(petstream(running, "backfill", place(running, unannounced), "--json", DATABASE_HOST=None))
    settle(running)
    assert running.outcomes()[key] == "dog"
    summary(petstream(running, "backfill", place(running, unannounced), "--json"))
    running.eventually(lambda: running.outcomes()[key] == "cat")
    (row,) = running.rows(ROW, identity)
    assert row["source_sequencer"].rstrip("0") == "F1"
    assert row["timestamp"].isoformat() == "2026-11-01T20:00:00.123000+00:00"

    running.put(key, coffee, **{"user-name": "ann"})
    tell(running, key, sequencer="F2", at="2026-11-01T20:00:00.124Z")
    running.eventually(lambda: running.outcomes()[key] == "not_a_pet")


# --- up to the topic


@pytest.mark.parametrize("page_keys", [1, 3])
async def test_a_listing_goes_on_after_any_key(module_world: World, page_keys: int) -> None:
    s3 = module_world.stack.objects.s3
    keys = sorted((f"any/{name}" for name in AWKWARD), key=str.encode)
    for key in keys:
        module_world.put(key, b"x")
    listing = Listing(s3, Place(module_world.bucket, "any/"), Outages())
    assert [each.key async for page in listing.pages(page_keys=page_keys) for each in page] == keys
    for number, key in enumerate(keys):
        rest = [each.key async for page in listing.pages(after=key, page_keys=page_keys) for each in page]
        assert rest == keys[number + 1 :]


def test_a_dry_run_counts_and_publishes_nothing_and_needs_no_broker(world: World, tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "3.txt"):
        world.put(f"old/{name}", b"x")
    file = tmp_path / "state.json"
    arguments = ("backfill", place(world), "--dry-run", "--match", "*.png", "--resume", str(file))
    done = summary(petstream(world, *arguments, "--json", KAFKA_BOOTSTRAP_SERVERS=None, DATABASE_HOST=None))
    assert (done["listed"], done["chosen"], done["filtered"], done["enqueued"]) == (3, 2, 1, 0)
    assert done["dry_run"] is True
    assert "nothing was enqueued" in petstream(world, *arguments).stdout
    assert uploads(world) == []
    assert not file.exists()


def test_only_the_range_of_time_that_is_asked_for_is_enqueued(world: World) -> None:
    world.put("old/1.png", b"x")
    assert summary(petstream(world, "backfill", place(world), "--json", "--since", "2100-01-01"))["enqueued"] == 0
    assert summary(petstream(world, "backfill", place(world), "--json", "--until", "2000-01-01"))["enqueued"] == 0
    assert summary(petstream(world, "backfill", place(world), "--json", "--since", "2000-01-01"))["enqueued"] == 1
    (upload,) = uploads(world)
    assert (upload.key, upload.size_bytes) == ("old/1.png", 1)
    assert upload.etag


def begin(world: World, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    env = {**os.environ, **world.stack.environment(), **world.env, **environment}
    command = [sys.executable, "-m", "streams.cli", "backfill", *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_that_is_killed_goes_on_and_every_key_is_covered(world: World, tmp_path: Path) -> None:
    keys = {f"old/{number:03}-a+b é.png" for number in range(120)}
    for key in keys:
        world.put(key, b"x")
    file = tmp_path / "state.json"
    arguments = (place(world, "old/"), "--rate", "10", "--resume", str(file), "--json")
    first = begin(world, *arguments)
    try:
        world.eventually(lambda: file.exists() and json.loads(file.read_bytes())["reached"]["counts"].get("listed", 0))
    finally:
        first.kill()
        first.communicate()
    remembered = json.loads(file.read_bytes())["reached"]
    confirmed = {upload.key for upload in uploads(world)}
    assert 0 < len(confirmed) < len(keys)
    assert {key for key in keys if key <= remembered["after"]} <= confirmed  # nothing is remembered that is not there

    done = petstream(world, "backfill", *arguments[:2], "0", *arguments[3:])
    assert summary(done)["enqueued"] == len(keys)  # both parts
    found = [upload.key for upload in uploads(world)]
    assert set(found) == keys
    assert len(found) <= len(keys) + 10  # no more than a second's worth twice
    assert not file.exists()


@pytest.mark.parametrize("what", ["object store", "database"])
def test_what_goes_away_in_the_middle_is_waited_for_and_nothing_is_lost(
    world: World, tmp_path: Path, what: str
) -> None:
    keys = {f"old/{number:03}.png" for number in range(48)}
    for key in keys:
        world.put(key, b"x")
    there = world.stack.environment()
    host, port = there["DATABASE_HOST"], there["DATABASE_PORT"]
    if what == "object store":
        host, _, port = there["S3_ENDPOINT_URL"].rpartition("/")[2].partition(":")
    file = tmp_path / "state.json"
    with TcpProxy(host, int(port)) as proxy:

        def go_away_for_a_while() -> None:
            world.eventually(lambda: file.exists() and json.loads(file.read_bytes())["reached"]["after"])
            proxy.redirect("127.0.0.1", 9)
            proxy.cut()
            before = proxy.accepted
            world.eventually(lambda: proxy.accepted >= before + 3)  # it was asked for, and asked for again
            proxy.redirect(host, int(port))

        disturber = threading.Thread(target=go_away_for_a_while)
        disturber.start()
        lead = {"S3_ENDPOINT_URL": f"http://{proxy.host}:{proxy.port}"}
        if what == "database":
            lead = {"DATABASE_HOST": proxy.host, "DATABASE_PORT": str(proxy.port)}
        arguments = ("backfill", place(world), "--rate", "12", "--resume", str(file), "--json")  # pages of 12
        done = petstream(world, *arguments, **lead)
        disturber.join()
    assert summary(done)["enqueued"] == len(keys)
    assert sorted(upload.key for upload in uploads(world)) == sorted(keys)
    assert f"The {what} does not answer" in done.stderr
    assert done.stderr.splitlines()[-1] == f"The {what} answers again."


# --- mistakes


OF_BOTH: Final[tuple[tuple[list[str], dict[str, str], str], ...]] = (
    (["pets"], {}, "A bucket is named as s3://bucket"),
    (["s3://"], {}, "A bucket is named as s3://bucket"),
    (["s3://no-such-bucket-of-ours"], {}, "There is no bucket no-such-bucket-of-ours"),
    (["s3://Not_A+Bucket"], {}, "Not_A+Bucket cannot be listed"),
    (["{place}", "--since", "yesterday"], {}, "A time is written like"),
    (["{place}", "--rate", "0.0000001"], {}, "A rate is"),
    (["{place}", "--rate", "inf"], {}, "A rate is"),
    (["{place}", "--resume", "/no/such/folder/x"], {}, "cannot be written"),
    (["{place}"], {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "look at KAFKA_BOOTSTRAP_SERVERS"),
    (["{place}"], {"KAFKA_TOPIC_PREFIX": "nobody."}, "petstream topics create"),
    (["{place}"], {"DATABASE_PASSWORD": "wrong"}, "password authentication failed"),
    (["{place}"], {"DATABASE_NAME": "postgres"}, "petstream migrate up"),
)
WAITS = (  # both commands open these by the same function
    ("backfill", ["{place}"], {"S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "look at S3_ENDPOINT_URL"),
    ("reconcile", ["{place}"], {"DATABASE_PORT": "9"}, "look at DATABASE_READER_HOST"),
)


@pytest.mark.parametrize(
    ("command", "arguments", "environment", "sentence"),
    [*((command, *mistake) for command in ("backfill", "reconcile") for mistake in OF_BOTH), *WAITS],
    ids=str,
)
def test_a_mistake_is_told_in_one_sentence(
    module_world: World, command: str, arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    options = ["--enqueue"] if command == "reconcile" else []
    typed = [each.format(place=place(module_world)) for each in arguments]
    done = petstream(module_world, command, *typed, *options, **environment)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert sentence in line
    assert "Traceback" not in done.output


def test_another_runs_file_is_refused(world: World, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"task": {"command": "backfill", "place": "s3://x/", "scope": ""}, "reached": {}}')
    done = petstream(world, "backfill", place(world), "--resume", str(file))
    assert done.exit_code == 2
    assert "belongs to another run" in done.stderr
    assert uploads(world) == []
