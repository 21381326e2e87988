"""Each example of docs/examples against the running pipeline: prints what the tables hold, goes on where it stopped."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from platformdirs import user_cache_path

from tests.absent import cannot_run
from tests.integration.subscribers.publishing import Results
from tests.world import World

EXAMPLES: Final = Path(__file__).parents[3] / "docs" / "examples"
FETCH_SECONDS: Final = 300
WITHIN_SECONDS: Final = 60.0
CAT: Final = "uploads/ann/a b+c é.png"
NOISE: Final = "uploads/ann/100%/../noise?.jpg"
LATER: Final = "uploads/bob/later & 'last'.png"


@dataclass
class Example:
    """How one example is started; building it fetches what it needs, once for all runs."""

    command: list[str]
    folder: Path

    def start(self, world: World | Results, group: str, *count: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": world.stack.kafka.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": world.prefix,
        }
        command = [*self.command, group, *count]
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True)

    def run(self, world: World, group: str, count: int) -> list[str]:
        with self.start(world, group, str(count)) as process:
            try:
                printed, _ = process.communicate(timeout=WITHIN_SECONDS)
            finally:
                process.kill()
        assert process.returncode == 0
        return printed.splitlines()


def fetched(name: str, tool: str, *fetch: str) -> Path:
    """A copy of the example with what ``fetch`` brings. Kept between runs: its name says what it was made from."""
    path = shutil.which(tool)
    if path is None:
        cannot_run(f"{tool} is not installed")
    sources = sorted((EXAMPLES / name).iterdir())
    made_from = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    kept = user_cache_path("petstream") / "examples" / f"{name}-{made_from[:16]}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        copy = Path(shutil.copytree(EXAMPLES / name, Path(folder) / name))
        done = subprocess.run(
            [path, *fetch], cwd=copy, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
        if done.returncode != 0:
            cannot_run(f"{tool} could not get what the example needs: {(done.stdout + done.stderr)[-2000:]}")
        if not kept.is_dir():  # somebody else's fetch was not faster
            copy.rename(kept)
    return kept


def python() -> Example:
    return Example([sys.executable, "subscriber.py"], EXAMPLES / "python")


def python_plain() -> Example:
    return Example([sys.executable, "subscriber.py"], EXAMPLES / "python-plain")


def java() -> Example:
    goal = "dependency:copy-dependencies"
    folder = fetched("java", "mvn", "-B", "-q", goal, "-DoutputDirectory=lib", "-DincludeScope=runtime")
    return Example(["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "lib/*", "Subscriber.java"], folder)


def go() -> Example:
    return Example(["./subscriber"], fetched("go", "go", "build", "-o", "subscriber", "."))


def javascript() -> Example:
    folder = fetched("javascript", "npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent")
    return Example(["node", "subscriber.js"], folder)


ALL: Final = [python, python_plain, java, go, javascript]


@pytest.fixture(scope="module")
def running(module_world: World) -> World:
    module_world.start("bridge", "classify", "sink")
    return module_world


@pytest.fixture(scope="module")
def uploaded(running: World, chelsea: bytes) -> World:
    """A world that has classified a cat and refused noise."""
    running.put(CAT, chelsea)
    running.put(NOISE, b"no picture at all")
    running.wait_outcomes(CAT, NOISE)
    return running


def lines(world: World) -> dict[str, str]:
    """What an example has to print, by key, from the tables."""
    found = world.rows("SELECT source_key, image_url, outcome, reason, confidence FROM image_outcomes")
    return {
        row["source_key"]: f"{row['reason']} {row['image_url']}"
        if row["reason"]
        else f"{row['outcome']} {row['confidence']:.3f} {row['image_url']}"
        for row in found
    }


@pytest.mark.timeout(FETCH_SECONDS + 240)
@pytest.mark.parametrize("build", ALL, ids=lambda build: build.__name__)
def test_an_example_prints_what_the_tables_hold_once_and_goes_on(
    uploaded: World, chelsea: bytes, build: Callable[[], Example]
) -> None:
    example, group = build(), f"{uploaded.prefix}{build.__name__}"
    before = lines(uploaded)
    assert sorted(example.run(uploaded, group, len(before))) == sorted(before.values())

    key = LATER.replace("later", build.__name__)
    uploaded.put(key, chelsea)
    uploaded.wait_outcomes(key)
    assert example.run(uploaded, group, 1) == [lines(uploaded)[key]]


@pytest.mark.timeout(FETCH_SECONDS + 240)
@pytest.mark.parametrize("build", ALL, ids=lambda build: build.__name__)
async def test_an_example_drops_repeats_ends_on_a_signal_and_has_committed_what_it_handled(
    results: Results, build: Callable[[], Example]
) -> None:
    example = build()
    await results.publish("a", "b", copies=2)
    await results.publish("c")
    assert until_signalled(example, results, signal.SIGTERM, 3) == [said(key) for key in "abc"]
    assert await results.committed() == 5
    await results.publish("d")
    assert until_signalled(example, results, signal.SIGINT, 1) == [said("d")]
    assert await results.committed() == 6


def said(key: str) -> str:
    return f"cat 0.988 s3://pets/{key}"


def until_signalled(example: Example, results: Results, number: signal.Signals, count: int) -> list[str]:
    """What it prints if it is sent a signal after so many lines."""
    with example.start(results, results.group) as process:
        alarm = threading.Timer(WITHIN_SECONDS, process.kill)
        alarm.start()
        try:
            assert process.stdout is not None
            printed = [process.stdout.readline() for _ in range(count)]
            process.send_signal(number)
            printed += process.stdout.readlines()
        finally:
            alarm.cancel()
        assert process.wait(WITHIN_SECONDS) == 0
    return [line.rstrip("\n") for line in printed]
