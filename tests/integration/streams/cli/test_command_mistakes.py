"""A user's mistakes, at every command: one sentence, the setting's name, the exit code."""

import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Done, kept, petstream, petstream_process

NOWHERE = "127.0.0.1:9"
DATABASE_AWAY = {
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "9",
    "DATABASE_NAME": "n",
    "DATABASE_USERNAME": "u",
    "DATABASE_PASSWORD": "p",
    "DATABASE_SSL": "false",
}
OF_KAFKA = (
    "watch",
    "topics create",
    "topics check",
    "storage-dead-letters list",
    "storage-dead-letters show 0:1",
    "storage-dead-letters replay --yes",
    "retries list",
    "retries show image-uploads-retry-1m:0:1",
    "retries now --yes",
)
OF_THE_DATABASE = (
    "migrate up",
    "migrate down --to 0000",
    "migrate status",
    "migrate break-lock",
    "records",
    "rejections list",
    "rejections show s3://b/k",
    "database backup {folder}/new.dump",
    "database seed --rows 1",
)
OF_SETTINGS_ONLY = (
    "bridge",
    "classify",
    "sink",
    "topics permissions sink",
    "backfill s3://b/",
    "reconcile s3://b/",
    "rejections replay --yes",
    "database restore {folder}/new.dump",
    "database verify {folder}/new.dump",
)


def run(call: str, folder: Path, environment: dict[str, str]) -> Done:
    return petstream(*call.format(folder=folder).split(), **environment)


@pytest.mark.parametrize("call", [*OF_KAFKA, *OF_THE_DATABASE, *OF_SETTINGS_ONLY])
def test_what_is_not_set_is_named_by_every_command(call: str, tmp_path: Path) -> None:
    done = run(call, tmp_path, {})
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Set these environment variables:\n")
    assert "KAFKA_BOOTSTRAP_SERVERS (" in done.stderr or "DATABASE_HOST (" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("call", OF_KAFKA)
def test_a_broker_that_refuses_is_told_in_one_sentence(call: str, tmp_path: Path) -> None:
    done = run(call, tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": NOWHERE})
    assert done.returncode == 1, done.stderr
    assert "KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("call", OF_THE_DATABASE)
def test_a_database_that_refuses_is_told_in_one_sentence(call: str, tmp_path: Path) -> None:
    done = run(call, tmp_path, DATABASE_AWAY)
    assert done.returncode == 1, done.stderr
    assert "DATABASE_HOST" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("call", "environment", "code"),
    [
        ("classify", {}, 2),
        ("topics check", {"KAFKA_BOOTSTRAP_SERVERS": NOWHERE}, 1),
        ("migrate status", DATABASE_AWAY, 1),
        ("rejections list --nonsense", DATABASE_AWAY, 2),
        ("model info {folder}/none.pt", {}, 1),
    ],
)
def test_a_process_of_its_own_ends_the_same_way(
    call: str, environment: dict[str, str], code: int, tmp_path: Path
) -> None:
    """One command of each family: there, nothing is loaded beforehand."""
    environment = {**environment, "COLUMNS": "200"}
    alone = petstream_process(*call.format(folder=tmp_path).split(), **environment)
    assert alone == run(call, tmp_path, environment)
    assert alone.returncode == code
    assert "Traceback" not in alone.stderr


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("check king", "bridge, classify, sink"),
        ("topics permissions king", "operator"),
        ("records --since yesterday", "A time is written like 2026-03-01"),
        ("records --format csv --json", "which of them is meant?"),
        ("records --reason ugly", "the reasons are decoder_crashed"),
        ("rejections show king", "by its id or as s3://bucket/key"),
        ("retries list --reason ugly", "uploads wait for decoder_crashed"),
        ("retries now", "narrow it down, or add --yes"),
        ("rejections list --nonsense", "No such option"),
        ("reconcile king", "s3://bucket"),
        ("health --live --ready", "one question at a time"),
    ],
)
def test_a_call_that_cannot_be_meant_ends_with_exit_code_2(call: str, said: str, tmp_path: Path) -> None:
    done = run(call, tmp_path, DATABASE_AWAY | {"KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "COLUMNS": "200"})
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("model info {folder}/none.pt", "petstream model export"),
        ("model fit {folder}/labels.csv", "labels.csv cannot be read"),
        ("model export --head {folder}/none.json --output {folder}/m.pt", "none.json cannot be read"),
        ("model export --arch resnet", "--arch is one of cascade, efficientnet-lite0, efficientnet-lite2"),
        ("model export --arithmetic int4", "--arithmetic is one of float32, bfloat16, int8"),
        (
            "model export --arch efficientnet-lite0 --weights {folder}/none.safetensors",
            "none.safetensors cannot be read",
        ),
        ("model export --weights {folder}", "has no weights of efficientnet-lite0 and efficientnet-lite2: train with"),
        ("model export --backbone hf-hub:timm/resnet18", "petstream model fit LABELS.csv --backbone"),
        ("model fit {folder}/labels.csv --backbone resnet18", "write hf-hub:timm/NAME"),
        ("model ranges {folder}", "has 0 pictures that decode"),
        ("database restore {folder}/none.dump", "none.dump or its manifest cannot be read"),
        ("health", "HEALTH_PORT"),
    ],
)
def test_what_is_not_there_ends_with_exit_code_1(call: str, said: str, tmp_path: Path) -> None:
    done = run(call, tmp_path, DATABASE_AWAY | {"HEALTH_PORT": "9"})
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_is_shown_on_a_terminal_and_never_in_a_pipe() -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "topics", "check"],
        env={**kept(), "KAFKA_BOOTSTRAP_SERVERS": NOWHERE, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=150,
        check=False,
    )
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "looking at topics" in shown
    assert done.stdout == b""
    assert "looking at topics" not in petstream_process("topics", "check", KAFKA_BOOTSTRAP_SERVERS=NOWHERE).stderr


def test_findings_are_not_folded_in_a_pipe_and_not_coloured_where_nobody_wants_it() -> None:
    done = petstream_process("check", "bridge", COLUMNS="80", NO_COLOR="1", FORCE_COLOR="1")
    (line,) = (line for line in done.stdout.splitlines() if "KAFKA_BOOTSTRAP_SERVERS" in line)
    assert "host:port of a broker or several, comma separated" in line
    assert "\x1b[3" not in done.stdout


@pytest.mark.parametrize("role", ["bridge", "classify", "sink", "board"])
def test_a_port_that_another_process_has_is_told_by_every_serving_role(role: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        done = petstream_process(
            role,
            **DATABASE_AWAY,
            HEALTH_PORT=taken,
            BOARD_PORT="0",
            KAFKA_BOOTSTRAP_SERVERS=NOWHERE,
            SQS_QUEUE_URL="http://127.0.0.1:9/queue",
            MODEL_URI="nowhere.pt",
        )
    assert done.returncode == 2, done.stderr
    assert f"HEALTH_HOST, HEALTH_PORT: 127.0.0.1:{taken} cannot be listened on" in done.stderr
    assert "HEALTH_PORT=0 takes a free one" in done.stderr
    assert "Traceback" not in done.stderr
