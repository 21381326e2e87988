"""What an operator does: topics, migrations, the doctor, watching. On real parts."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.kafka import admin as topic_admin
from tests.backfilling import petstream
from tests.world import World


def as_a_process(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **world.stack.environment(), **world.env, "COLUMNS": "300"}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_the_doctor_finds_a_good_deployment_well(world: World) -> None:
    done = as_a_process(world, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d+) of \1 checks passed|all \d+ work", done.stdout)


@pytest.mark.parametrize(
    ("role", "wrong", "remedy"),
    [
        ("bridge", {"SQS_QUEUE_URL": "http://127.0.0.1:9/no/queue"}, "look at SQS_QUEUE_URL"),
        ("bridge", {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "look at KAFKA_BOOTSTRAP_SERVERS"),
        ("sink", {"KAFKA_TOPIC_PREFIX": "nobody."}, "petstream topics create"),
        ("sink", {"DATABASE_PORT": "9"}, "look at DATABASE_HOST"),
        ("sink", {"DATABASE_NAME": "postgres"}, "petstream migrate up"),
        ("sink", {"DATABASE_PORT": "x"}, "DATABASE_PORT"),
        ("classify", {"MODEL_URI": "/nowhere.pt"}, "petstream model export"),
        ("classify", {"MODEL_SHA256": "0" * 64}, "MODEL_SHA256"),
        ("classify", {"S3_BUCKET": "no-such-bucket"}, "look at S3_BUCKET"),
    ],
    ids=str,
)
def test_the_doctor_says_what_to_do_about_each_failure(
    world: World, role: str, wrong: dict[str, str], remedy: str
) -> None:
    done = petstream(world, "check", role, **wrong)
    assert done.exit_code == 1
    assert remedy in " ".join(done.stdout.split())
    assert "Traceback" not in done.output


def test_topics_are_created_once_and_found_as_they_should_be(world: World) -> None:
    fresh = {"KAFKA_TOPIC_PREFIX": world.prefix + "fresh.", "KAFKA_PARTITIONS": "2", "KAFKA_REPLICATION_FACTOR": "1"}
    assert petstream(world, "topics", "check", **fresh).exit_code == 1
    assert "created: " in petstream(world, "topics", "create", **fresh).stdout
    assert "there already" in petstream(world, "topics", "create", **fresh).stdout
    assert petstream(world, "topics", "check", **fresh).exit_code == 0


async def test_a_topic_is_created_once_a_broker_lists_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Behind(AIOKafkaAdminClient):  # type: ignore[misc]
        """Lists new topics after three questions only, as a busy broker does."""

        asked = 0

        async def list_topics(self) -> list[str]:
            self.asked += 1
            return [] if self.asked <= 3 else await super().list_topics()

    made: list[Behind] = []

    def client(**options: Any) -> Behind:
        made.append(Behind(**options))
        return made[-1]

    monkeypatch.setattr(topic_admin, "AIOKafkaAdminClient", client)
    servers = world.stack.kafka.bootstrap_servers.split(",")
    await topic_admin.create(
        {"bootstrap_servers": servers}, prefix=world.prefix + "behind.", partitions=1, replication_factor=1
    )
    assert made[0].asked == 4


def test_a_schema_goes_up_down_and_up(world: World) -> None:
    name = world.env["DATABASE_NAME"] + "_empty"
    world.stack.postgres.create_database(name)
    empty = {"DATABASE_NAME": name}
    try:
        assert petstream(world, "migrate", "status", **empty).exit_code == 1
        assert "0001" in petstream(world, "migrate", "up", **empty).stdout
        assert petstream(world, "migrate", "status", **empty).exit_code == 0
        planned = petstream(world, "migrate", "down", "--to", "0000", **empty)
        assert planned.exit_code == 1
        assert "would be lost for good: table classification_records (0 rows)" in planned.stdout
        assert petstream(world, "migrate", "status", **empty).exit_code == 0  # nothing was changed
        assert "rolled back" in petstream(world, "migrate", "down", "--to", "0000", "--yes", **empty).stdout
        assert "0007" in petstream(world, "migrate", "up", **empty).stdout
    finally:
        world.stack.postgres.drop_database(name)


def test_watching_shows_each_result_once(running: World, upload_prefix: str, chelsea: bytes) -> None:
    key = f"{upload_prefix}[red]chelsea.png"
    env = {**os.environ, **running.stack.environment(), **running.env}
    watching = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "watch", "--json", "--from-beginning"], env=env, stdout=subprocess.PIPE
    )
    try:
        running.put(key, chelsea)
        assert watching.stdout is not None
        shown = map(json.loads, watching.stdout)  # bounded by the test's own time-out
        event = next(event for event in shown if event["key"] == key)
        assert event["classification"] == "cat"
    finally:
        watching.kill()
        watching.communicate()
