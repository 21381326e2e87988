"""A bucket beside the tables: what is missing or outdated is found, enqueued, and then there."""

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from streams.cli import main
from streams.contracts.identity import image_id
from tests.backfilling import petstream, place, settle, summary, tell, uploads
from tests.world import World

AT_ONCE = ("--grace", "0", "--json")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_what_was_lost_is_found_enqueued_and_then_there(
    running: World, unannounced: str, chelsea: bytes, coffee: bytes
) -> None:
    world = running
    told, lost, overwritten = (f"{unannounced}{name}.png" for name in ("told", "lost a+b é", "overwritten"))
    for key in (told, lost, overwritten):
        world.put(key, chelsea, **{"user-name": "ann"})
    tell(world, told, sequencer="F1", at=now())
    # In the same second as the overwrite whose notification is lost: LastModified may have no fraction of it.
    tell(world, overwritten, sequencer="F1", at=now())
    world.wait_outcomes(told, overwritten)
    settle(world)  # what is not committed yet waits
    world.put(overwritten, coffee, **{"user-name": "ann"})

    found = petstream(world, "reconcile", place(world, unannounced), *AT_ONCE)
    counted = summary(found, 1)
    assert {name: counted[name] for name in ("listed", "ok", "missing", "outdated", "pending", "enqueued")} == {
        "listed": 3, "ok": 1, "missing": 1, "outdated": 1, "pending": 0, "enqueued": 0,
    }  # fmt: skip
    lines = [json.loads(line) for line in found.stdout.splitlines()[:-1]]
    assert [(line["key"], line["verdict"]) for line in lines] == [(lost, "missing"), (overwritten, "outdated")]
    assert lines[0]["id"] == str(image_id(world.bucket, lost))

    assert summary(petstream(world, "reconcile", place(world, unannounced), "--enqueue", *AT_ONCE), 1)["enqueued"] == 2
    settle(world)
    outcomes = world.outcomes()
    assert outcomes[lost] == "cat"
    assert outcomes[overwritten] == "not_a_pet"
    assert summary(petstream(world, "reconcile", place(world, unannounced), *AT_ONCE))["ok"] == 3

    # The overwrite's own notification comes late, the first one again: the order of versions holds.
    tell(world, overwritten, sequencer="F2", at=now())
    tell(world, overwritten, sequencer="F1", at=now())
    settle(world)
    assert world.outcomes()[overwritten] == "not_a_pet"
    identity = image_id(world.bucket, overwritten)
    (row,) = world.rows("SELECT source_sequencer FROM image_rejections WHERE id = %s", identity)
    assert row["source_sequencer"].rstrip("0") == "F2"


def test_an_object_that_is_there_again_after_it_was_missing_is_healed(
    running: World, unannounced: str, chelsea: bytes
) -> None:
    world, key = running, f"{unannounced}1.png"
    identity = world.put(key, chelsea, **{"user-name": "ann"})
    etag = world.stack.objects.s3.head_object(Bucket=world.bucket, Key=key)["ETag"].strip('"')
    world.stack.objects.s3.delete_object(Bucket=world.bucket, Key=key)
    told = json.loads(world.notification(key, sequencer="F1"))
    told["Records"][0]["s3"]["object"]["eTag"] = etag
    asyncio.run(world.publish(json.dumps(told).encode()))
    assert world.wait_outcomes(key)[key] == "missing"
    world.put(key, chelsea, **{"user-name": "ann"})
    # The attempt that found it missing waits until it is committed.
    world.eventually(lambda: petstream(world, "reconcile", place(world, unannounced), *AT_ONCE).exit_code == 1)
    assert summary(petstream(world, "reconcile", place(world, unannounced), "--enqueue", *AT_ONCE), 1)["outdated"] == 1
    settle(world)
    assert world.outcomes()[key] == "cat"
    assert summary(petstream(world, "reconcile", place(world, unannounced), *AT_ONCE))["ok"] == 1
    assert len(world.rows("SELECT 1 FROM image_outcomes WHERE id = %s", identity)) == 1


def test_what_was_uploaded_just_now_is_pending_and_is_not_enqueued(world: World) -> None:
    world.put("new/1.png", b"x")
    done = petstream(world, "reconcile", place(world), "--enqueue", "--json")
    assert summary(done)["pending"] == 1
    assert uploads(world) == []


def test_without_being_told_to_it_publishes_nothing_and_needs_no_broker(world: World) -> None:
    world.put("old/1[red].png", b"x")
    done = petstream(world, "reconcile", place(world), "--grace", "0", KAFKA_BOOTSTRAP_SERVERS=None)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].startswith("missing ")
    assert done.stdout.splitlines()[0].endswith(f"s3://{world.bucket}/old/1[red].png")
    assert "nothing was enqueued" in done.stdout
    assert petstream(world, "reconcile", place(world), "--grace", "0", "--enqueue", "--dry-run").exit_code == 1
    assert uploads(world) == []


def test_names_that_drive_a_terminal_reach_it_dead(world: World) -> None:
    world.put("old/\x1b[2J.png", b"x")
    for form in ((), ("--json",)):
        done = petstream(world, "reconcile", place(world), "--grace", "0", *form)
        assert "\x1b" not in done.stdout
        assert done.exit_code == 1


@pytest.fixture
def reader(world: World) -> Iterator[str]:
    """A login of somebody's own who may do what the reader may, and nothing else."""
    name = world.env["DATABASE_NAME"] + "_reader"
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain' IN ROLE petstream_reader".encode())
        yield name
        connection.execute(f"DROP ROLE {name}".encode())


@pytest.mark.parametrize("command", [["reconcile"], ["reconcile", "--enqueue"], ["backfill"]], ids=" ".join)
def test_the_readers_rights_and_the_readers_host_suffice(world: World, reader: str, command: list[str]) -> None:
    world.put("old/1.png", b"x")
    grace = ["--grace", "0"] if command[0] == "reconcile" else []
    done = petstream(
        world,
        *command,
        place(world),
        "--json",
        *grace,
        DATABASE_USERNAME=reader,
        DATABASE_PASSWORD="plain",
        DATABASE_HOST="writer.invalid",
        DATABASE_READER_HOST=world.stack.environment()["DATABASE_HOST"],
    )
    assert summary(done, 1 if grace else 0)["listed"] == 1
    assert len(uploads(world)) == (command != ["reconcile"])


def test_a_run_goes_on_with_what_it_had_counted(world: World, tmp_path: Path) -> None:
    for number in range(5):
        world.put(f"old/{number}.png", b"x")
    file = tmp_path / "state.json"
    endpoint = world.stack.environment()["S3_ENDPOINT_URL"]
    task = {"command": "reconcile", "place": place(world), "scope": "match=None since=any until=any"}
    reached = {"after": "old/2.png", "counts": {"listed": 3, "missing": 1, "ok": 2}}
    file.write_text(json.dumps({"task": {**task, "endpoint": endpoint}, "reached": reached}))
    done = petstream(world, "reconcile", place(world), *AT_ONCE, "--resume", str(file))
    counted = summary(done, 1)
    assert (counted["listed"], counted["missing"], counted["ok"]) == (5, 3, 2)
    assert [json.loads(line)["key"] for line in done.stdout.splitlines()[:-1]] == ["old/3.png", "old/4.png"]
    assert not file.exists()


def test_a_run_that_only_looked_is_not_gone_on_with_by_one_that_enqueues(world: World, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    endpoint = world.stack.environment()["S3_ENDPOINT_URL"]
    task = {"command": "reconcile", "place": place(world), "scope": "match=None since=any until=any"}
    file.write_text(json.dumps({"task": {**task, "endpoint": endpoint}, "reached": {"after": "x"}}))
    done = petstream(world, "reconcile", place(world), "--enqueue", "--resume", str(file))
    assert done.exit_code == 2
    assert "belongs to another run" in done.stderr


def test_an_empty_place_is_in_order(world: World) -> None:
    assert summary(petstream(world, "reconcile", place(world, "nothing/"), "--json"))["listed"] == 0


def test_what_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in os.environ.keys() - {"PATH", "HOME", "LANG"}:
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.argv", ["petstream", "reconcile", "s3://pets", "--enqueue"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "DATABASE_HOST" in said.err
    assert "KAFKA_BOOTSTRAP_SERVERS" in said.err
    assert "Traceback" not in said.out + said.err
