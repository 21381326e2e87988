"""The parts together."""

import socket
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from deploy.local.errors import LocalPartError, PartEnded
from deploy.local.parts import Names
from deploy.local.stack import Stack

OVERRIDES = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_HOST", "S3_ENDPOINT_URL")


@pytest.fixture
def no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OVERRIDES:
        monkeypatch.delenv(name, raising=False)


async def test_the_environment_names_parts_that_answer(stack: Stack) -> None:
    settings = stack.environment()
    connection = await asyncpg.connect(
        host=settings["DATABASE_HOST"],
        port=int(settings["DATABASE_PORT"]),
        user=settings["DATABASE_USERNAME"],
        password=settings["DATABASE_PASSWORD"],
        database=settings["DATABASE_NAME"],
        ssl=settings["DATABASE_SSL"] == "true",
        timeout=60,
    )
    assert await connection.fetchval("SELECT current_database()") == settings["DATABASE_NAME"]
    await connection.close()
    assert stack.objects.s3.head_bucket(Bucket=settings["S3_BUCKET"])
    assert stack.objects.sqs.get_queue_attributes(QueueUrl=settings["SQS_QUEUE_URL"])
    assert settings["KAFKA_BOOTSTRAP_SERVERS"] == stack.kafka.bootstrap_servers
    assert settings.keys() >= {"S3_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def test_every_part_listens_on_loopback_alone(
    stack: Stack, descendants: Callable[[int], set[int]], listening_addresses: Callable[[int], set[str]]
) -> None:
    leaders = [process.pid for part in (stack.kafka, stack.postgres, stack.objects) for process in part.processes]
    if not leaders:
        pytest.skip("all parts are named by the environment")
    pids = {pid for leader in leaders for pid in (leader, *descendants(leader))}
    addresses = {address for pid in pids for address in listening_addresses(pid)}
    assert len(addresses) >= len(leaders)
    assert {address.rpartition(":")[0] for address in addresses} == {"127.0.0.1"}


def test_a_spawned_process_finds_the_parts_in_its_environment(stack: Stack) -> None:
    script = "import os; print(os.environ['KAFKA_BOOTSTRAP_SERVERS'], os.environ['MINE'], os.environ['NO_PROXY'])"
    process = stack.spawn("show", [sys.executable, "-c", script], {"MINE": "yes"})
    assert process.wait(60) == 0
    servers, mine, no_proxy = process.log_tail().split()
    assert (servers, mine) == (stack.kafka.bootstrap_servers, "yes")
    assert "127.0.0.1" in no_proxy.split(",")
    assert process.log_path == stack.directory / "processes" / "show.log"


def test_two_processes_of_one_name_do_not_write_into_one_log(stack: Stack) -> None:
    first, second = (stack.spawn("echo", ["echo", text]) for text in ("first", "second"))
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert (first.log_tail(), second.log_tail()) == ("first", "second")


@pytest.mark.usefixtures("no_overrides")
def test_a_part_that_dies_is_noticed_and_the_exception_leaves_nothing_but_the_logs(
    is_alive: Callable[[int], bool], own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(own_temporary_folder))
    steps: list[tuple[str, str, str]] = []
    pids: list[int] = []
    with (  # noqa: PT012 - what runs before the exception is the point
        pytest.raises(PartEnded, match="killed by signal 9") as caught,
        Stack(broker="wheel", on_step=lambda *step: steps.append(step)) as stack,
    ):
        pids += [process.pid for part in (stack.kafka, stack.postgres, stack.objects) for process in part.processes]
        pids.append(stack.spawn("sleeper", ["sleep", "60"]).pid)
        folder = stack.directory
        stack.raise_if_ended()
        stack.kafka.kill()
        stack.raise_if_ended()
    assert len(pids) == 4
    assert not any(is_alive(pid) for pid in pids)
    assert not folder.exists()
    (note,) = caught.value.__notes__
    kept = Path(note.removeprefix("logs of the embedded stack: "))
    assert kept.parent == own_temporary_folder
    assert "ready to accept connections" in (kept / "postgres" / "postgres.log").read_text()
    assert ("stack", "failed", f"logs: {kept}") in steps
    assert [state for name, state, _ in steps if name == "postgres"] == ["starting", "ready", "stopped"]


@pytest.mark.usefixtures("no_overrides")
def test_a_spawned_process_may_settle_before_the_parts_go_away() -> None:
    # On its way out it still reaches the broker, and says so by its status.
    settles = "trap '(: </dev/tcp/127.0.0.1/$PORT) && exit 7' TERM; echo begun; while :; do sleep 0.02; done"
    with Stack(broker="wheel") as stack:
        port = stack.kafka.bootstrap_servers.rpartition(":")[2]
        worker = stack.spawn("worker", ["bash", "-c", settles], {"PORT": port})
        worker.wait_until(lambda: "begun" in worker.log_tail(), timeout_seconds=60)
    assert worker.poll() == 7


@pytest.mark.usefixtures("no_overrides")
def test_a_part_that_does_not_start_ends_the_others_and_is_the_error(
    monkeypatch: pytest.MonkeyPatch, own_temporary_folder: Path, running_in: Callable[[Path], set[int]]
) -> None:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    monkeypatch.setattr("deploy.local.object_store.free_port", lambda: taken.getsockname()[1])
    monkeypatch.setattr("tempfile.tempdir", str(own_temporary_folder))
    with pytest.raises(PartEnded, match=r"[Aa]ddress already in use") as caught, taken:
        Stack(broker="wheel").start()
    (note,) = caught.value.__notes__
    assert (Path(note.removeprefix("logs of the embedded stack: ")) / "objects" / "ministack.log").exists()
    assert running_in(own_temporary_folder) == set()


def test_parts_named_by_the_environment_are_used_and_not_stopped(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = f"external-{uuid.uuid4().hex[:8]}"
    stack.postgres.create_database(mine)
    for name, value in {**stack.environment(), "DATABASE_NAME": mine}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("S3_BUCKET")
    monkeypatch.delenv("SQS_QUEUE_URL")
    with Stack(names=Names(bucket=mine, queue=mine)) as borrowed:
        assert borrowed.kafka.bootstrap_servers == stack.kafka.bootstrap_servers
        assert not any(part.processes for part in (borrowed.kafka, borrowed.postgres, borrowed.objects))
        settings = borrowed.environment()
        borrowed.kafka.create_topics({mine: 1})
    assert settings["DATABASE_NAME"] == mine
    assert settings["DATABASE_SSL"] == "false"
    assert settings["S3_BUCKET"] == mine
    assert stack.objects.sqs.get_queue_url(QueueName=mine)["QueueUrl"] == settings["SQS_QUEUE_URL"]
    stack.raise_if_ended()
    stack.kafka.create_topics({mine: 1})
    stack.postgres.drop_database(mine)


def test_a_named_broker_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, own_temporary_folder: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(own_temporary_folder))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(LocalPartError, match="does not answer"):
            Stack().start()


@pytest.mark.usefixtures("no_overrides")
@pytest.mark.parametrize(
    "broker",
    ["wheel", pytest.param("apache", marks=[pytest.mark.durable, pytest.mark.slow])],  # whose restarts: test_kafka.py
)
def test_a_directory_that_was_given_is_kept_and_taken_up_again(
    broker: Literal["apache", "wheel"], own_temporary_folder: Path
) -> None:
    folder = own_temporary_folder / "kept"
    with Stack(folder, broker) as first:
        first.kafka.create_topics({"pets": 2})
        first.objects.s3.put_object(Bucket=first.environment()["S3_BUCKET"], Key="uploads/1.jpg", Body=b"one")
    with Stack(folder, broker) as second:
        assert second.objects.s3.head_object(Bucket=second.environment()["S3_BUCKET"], Key="uploads/1.jpg")
        assert second.environment()["DATABASE_PASSWORD"] == first.environment()["DATABASE_PASSWORD"]
    if broker == "apache":  # the other keeps nothing
        assert (folder / "kafka" / "node-1" / "data" / "pets-1").is_dir()
