"""However the parent ends, nothing of the stack goes on: each test ends a real parent in another way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import deploy.local

LAUNCH = Path(deploy.local.__file__).with_name("launch.py")

PARENT = """
import json, os, sys, time
from pathlib import Path
from deploy.local import processes
from deploy.local.stack import Stack

if launch := os.environ.get("TEST_LAUNCH"):
    processes._LAUNCH = Path(launch)

def print_step(name, state, detail):
    if state == "starting":
        print(json.dumps({"starting": name}), flush=True)

with Stack(broker=sys.argv[1], on_step=print_step) as stack:
    worker = stack.spawn("worker", ["sh", "-c", "sleep 600 & echo begun; wait"])
    worker.wait_until(lambda: "begun" in worker.log_tail(), timeout_seconds=30)
    print(json.dumps({"up": str(stack.directory)}), flush=True)
    time.sleep(600)
"""


@contextmanager
def parent(broker: str = "wheel", **environment: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-c", PARENT, broker]
    overrides = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_HOST", "S3_ENDPOINT_URL")
    inherited = {name: value for name, value in os.environ.items() if name not in overrides}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=inherited | environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if word in (told := json.loads(line)):
            return str(told[word])
    assert process.stderr is not None
    pytest.fail(f"the parent ended instead: {process.stderr.read()}")


# Whatever the ending, the same three things clean up: each broker and each ending once, the other pairs in `slow`.
ENDINGS = [
    pytest.param(broker, ending, marks=marks, id=f"{broker}-{ending.name}")
    for broker, ending, marks in (
        ("apache", signal.SIGKILL, [pytest.mark.durable]),
        ("apache", signal.SIGTERM, [pytest.mark.durable, pytest.mark.slow]),
        ("apache", signal.SIGINT, [pytest.mark.durable, pytest.mark.slow]),
        ("wheel", signal.SIGKILL, [pytest.mark.slow]),
        ("wheel", signal.SIGTERM, []),
        ("wheel", signal.SIGINT, []),
    )
]


@pytest.mark.parametrize(("broker", "ending"), ENDINGS)
def test_no_process_and_no_folder_survives_the_parent(
    broker: str,
    ending: signal.Signals,
    own_temporary_folder: Path,
    running_in: Callable[[Path], set[int]],
    eventually: Callable[..., None],
) -> None:
    with parent(broker, TMPDIR=str(own_temporary_folder)) as process:
        wait_for(process, "up")
        assert len(running_in(own_temporary_folder)) >= 7  # parent, guard, broker, database, store, worker, its child
        process.send_signal(ending)
        process.wait(60)
        eventually(lambda: not running_in(own_temporary_folder))
        eventually(lambda: not list(own_temporary_folder.iterdir()))


def test_the_kernel_ends_the_children_where_the_guard_is_killed_too(
    own_temporary_folder: Path,
    descendants: Callable[[int], set[int]],
    is_alive: Callable[[int], bool],
    eventually: Callable[..., None],
) -> None:
    with parent(TMPDIR=str(own_temporary_folder)) as process:
        wait_for(process, "up")
        children = descendants(process.pid)
        guard = next(pid for pid in children if b"cleanup_process.py" in Path(f"/proc/{pid}/cmdline").read_bytes())
        subprocess.run(["kill", "-9", str(guard), str(process.pid)], check=True)
        process.wait(60)
        # Only the worker's own child is out of the kernel's reach: it did not ask for the signal.
        eventually(lambda: sum(is_alive(pid) for pid in children) <= 1)
        for pid in filter(is_alive, children):
            # It may have been killed beside its parent before it became `sleep`: it is the shell's copy then.
            assert b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
            subprocess.run(["kill", "-9", str(pid)], check=True)


def test_the_guard_ends_the_children_where_the_kernel_does_not(
    tmp_path: Path,
    own_temporary_folder: Path,
    running_in: Callable[[Path], set[int]],
    eventually: Callable[..., None],
) -> None:
    without_prctl = tmp_path / "launch.py"
    without_prctl.write_text(LAUNCH.read_text().replace('startswith("linux")', 'startswith("elsewhere")'))
    with parent(TEST_LAUNCH=str(without_prctl), TMPDIR=str(own_temporary_folder)) as process:
        wait_for(process, "up")
        process.kill()
        process.wait(60)
        eventually(lambda: not running_in(own_temporary_folder))
        eventually(lambda: not list(own_temporary_folder.iterdir()))


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(
    own_temporary_folder: Path, running_in: Callable[[Path], set[int]], eventually: Callable[..., None]
) -> None:
    with parent(TMPDIR=str(own_temporary_folder)) as process:
        wait_for(process, "starting")
        eventually(lambda: len(running_in(own_temporary_folder)) > 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
        assert process.stderr is not None
        assert "KeyboardInterrupt" in process.stderr.read()
    eventually(lambda: not running_in(own_temporary_folder))
    eventually(lambda: not list(own_temporary_folder.iterdir()))
