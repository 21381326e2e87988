"""What an operator does: topics, migrations, the doctor, watching. Each as a process of its own, on real parts."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.world import World


def petstream(world: World, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **world.stack.environment(), **world.env, "COLUMNS": "300", **environment}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_the_doctor_finds_a_good_deployment_well(world: World) -> None:
    done = petstream(world, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"all \d+ are well", done.stdout)


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
    assert done.returncode == 1
    assert remedy in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr


def test_topics_are_created_once_and_found_as_they_should_be(world: World) -> None:
    fresh = {"KAFKA_TOPIC_PREFIX": world.prefix + "fresh.", "KAFKA_PARTITIONS": "2", "KAFKA_REPLICATION_FACTOR": "1"}
    assert petstream(world, "topics", "check", **fresh).returncode == 1
    assert "created: " in petstream(world, "topics", "create", **fresh).stdout
    assert "there already" in petstream(world, "topics", "create", **fresh).stdout
    assert petstream(world, "topics", "check", **fresh).returncode == 0


def test_a_schema_goes_up_down_and_up(world: World) -> None:
    name = world.env["DATABASE_NAME"] + "_empty"
    world.stack.postgres.create_database(name)
    empty = {"DATABASE_NAME": name}
    try:
        assert petstream(world, "migrate", "status", **empty).returncode == 1
        assert "0001" in petstream(world, "migrate", "up", **empty).stdout
        assert petstream(world, "migrate", "status", **empty).returncode == 0
        planned = petstream(world, "migrate", "down", "--to", "0000", **empty)
        assert planned.returncode == 1
        assert "would be lost for good: table classification_records (0 rows)" in planned.stdout
        assert petstream(world, "migrate", "status", **empty).returncode == 0  # nothing was changed
        assert "rolled back" in petstream(world, "migrate", "down", "--to", "0000", "--yes", **empty).stdout
        assert "0007" in petstream(world, "migrate", "up", **empty).stdout
    finally:
        world.stack.postgres.drop_database(name)


def test_watching_shows_each_result_once(world: World, chelsea: bytes) -> None:
    world.start("bridge", "classify")
    env = {**os.environ, **world.stack.environment(), **world.env}
    watching = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "watch", "--json", "--from-beginning"], env=env, stdout=subprocess.PIPE
    )
    try:
        world.put("uploads/ann/[red]chelsea.png", chelsea)
        assert watching.stdout is not None
        event = json.loads(watching.stdout.readline())
        assert (event["key"], event["classification"]) == ("uploads/ann/[red]chelsea.png", "cat")
    finally:
        watching.kill()
        watching.communicate()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_a_demo_that_is_ended_leaves_nothing_running(tmp_path: Path, ending: signal.Signals) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo"],
        env={**os.environ, "PETSTREAM_BROKER": "wheel"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Uploading" in line:
                break
        children = descendants(demo.pid)
        assert len(children) >= 6  # broker, PostgreSQL, store, bridge, classifier, sink
        demo.send_signal(ending)
        demo.communicate(timeout=60)
    finally:
        demo.kill()
    deadline = time.monotonic() + 30
    while alive := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in alive]
        time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return children + [grandchild for child in children for grandchild in descendants(child)]


@pytest.mark.timeout(300)
def test_the_demo_ends_with_an_account_that_holds(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "demo", "--once"],
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("objects 19 = classified 10 + rejected 9")
    assert "100.0% (19/19) as labelled" in done.stdout
