"""With --json, stdout is one document or one object a line, and nothing else: for each family, on real parts."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from streams.contracts.topics import TOPICS
from tests.backfilling import petstream, place
from tests.world import World


def document(world: World, *arguments: str, code: int = 0, env: Mapping[str, str] = MappingProxyType({})) -> Any:
    """The one document that a call prints."""
    done = petstream(world, *arguments, "--json", **env)
    assert done.exit_code == code, done.output
    (line,) = done.stdout.splitlines()
    assert done.stderr == ""
    return json.loads(line)


def lines(world: World, *arguments: str, code: int = 0) -> list[Any]:
    done = petstream(world, *arguments, "--json")
    assert done.exit_code == code, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_topics(module_world: World) -> None:
    fresh = {"KAFKA_TOPIC_PREFIX": module_world.prefix + "fresh.", "KAFKA_REPLICATION_FACTOR": "1"}
    missing = document(module_world, "topics", "check", code=1, env=fresh)
    assert missing["well"] is False
    assert {each["remedy"].partition(";")[0] for each in missing["findings"]} == {"run: petstream topics create"}
    assert len(document(module_world, "topics", "create", env=fresh)["created"]) == len(TOPICS)
    assert document(module_world, "topics", "create", env=fresh) == {"created": []}
    assert document(module_world, "topics", "check", env=fresh) == {"well": True, "findings": []}
    too_few = document(module_world, "topics", "check", code=1, env={"KAFKA_PARTITIONS": "99", **fresh})
    assert "99 are wanted" in too_few["findings"][0]["problem"]
    sink = document(module_world, "topics", "permissions", "sink")
    assert sink["principal"] == "User:petstream-sink"
    assert {"operation", "resource", "name"} == sink["permissions"][0].keys()


def test_migrations(module_world: World) -> None:
    status = document(module_world, "migrate", "status")
    assert status["current"] is True
    assert status["migrations"][0]["id"] == "0001.classification-records"
    assert document(module_world, "migrate", "up") == {"applied": [], "warnings": []}
    planned = document(module_world, "migrate", "down", "--to", "0000", code=1)
    assert planned["done"] is False
    assert any("classification_records" in loss for loss in planned["losses"])


def test_the_doctor(module_world: World) -> None:
    found = document(module_world, "check", "bridge")
    assert found["well"] is True
    assert {"role", "subject", "state", "found", "remedy"} == found["findings"][0].keys()
    broken = document(module_world, "check", "bridge", code=1, env={"KAFKA_TOPIC_PREFIX": "nobody."})
    assert broken["well"] is False


def test_a_database_its_records_and_its_backups(module_world: World, tmp_path: Path) -> None:
    seeded = document(module_world, "database", "seed", "--rows", "30")
    assert seeded == {"rows": 30, "new": 30, "seed": 1}
    page = lines(module_world, "records", "--limit", "5")
    assert len(page) == 5
    assert (
        petstream(module_world, "records", "--format", "json").stdout
        == petstream(module_world, "records", "--json").stdout
    )
    assert all(each["stands"] for each in lines(module_world, "rejections", "list"))
    file = str(tmp_path / "x.dump")
    written = document(module_world, "database", "backup", file)
    assert sum(written["rows"].values()) >= 30
    assert document(module_world, "database", "verify", file)["sha256"] == written["sha256"]
    refused = document(module_world, "database", "restore", file, code=1)
    assert refused["done"] is False
    assert refused["losses"]


def test_a_bucket_and_what_was_left_over(module_world: World) -> None:
    module_world.put("uploads/ann/1.png", b"x")
    *_, backfilled = lines(module_world, "backfill", place(module_world), "--dry-run")
    assert (backfilled["summary"], backfilled["chosen"]) == (place(module_world), 1)
    missing, compared = lines(module_world, "reconcile", place(module_world), "--grace", "0", code=1)
    assert (missing["verdict"], compared["missing"]) == ("missing", 1)
    replayed = document(module_world, "rejections", "replay", "--all", "--dry-run")
    assert replayed.keys() == {"dry_run", "messages", "rejections", "reasons", "cut"}
    assert lines(module_world, "storage-dead-letters", "list") == []
    letters = document(module_world, "storage-dead-letters", "replay", "--dry-run")
    assert (letters["messages"], letters["compared"]) == (0, True)
