"""Each example of docs/examples on results of the running pipeline: what it prints, and where it goes on."""

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

from streams.subscriber import OUTCOMES
from tests.absent import cannot_run
from tests.integration.subscribers.publishing import Results
from tests.world import World

EXAMPLES: Final = Path(__file__).parents[3] / "docs" / "examples"
FETCH_SECONDS: Final = 300
WITHIN_SECONDS: Final = 120.0
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

    def run(self, world: World | Results, group: str, count: int) -> list[str]:
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
def uploaded(running: World, chelsea: bytes) -> World:
    """A pipeline that has classified two cats and refused noise."""
    for key, data in ((CAT, chelsea), (NOISE, b"no picture at all"), (LATER, chelsea)):
        running.put(key, data)
    running.wait_outcomes(CAT, NOISE, LATER)
    return running


def line_of(world: World, key: str) -> str:
    """What an example has to print, from the tables."""
    (row,) = world.rows("SELECT image_url, outcome, reason, confidence FROM image_outcomes WHERE source_key = %s", key)
    if row["reason"]:
        return f"{row['reason']} {row['image_url']}"
    return f"{row['outcome']} {row['confidence']:.3f} {row['image_url']}"


async def hand_on(world: World, results: Results, key: str, *, copies: int = 1) -> None:
    """The pipeline's own event about an object, onto the topics of the test."""
    about = f"{world.bucket}/{key}".encode()
    events = [(topic, event) for topic in OUTCOMES for event in await world.events(topic)]
    topic, event = next((topic, event) for topic, event in events if event.key == about)
    for _ in range(copies):
        await results.send(event.value, topic=topic, context=dict(event.headers))


@pytest.mark.timeout(FETCH_SECONDS + 400)
@pytest.mark.parametrize("build", ALL, ids=lambda build: build.__name__)
async def test_an_example_prints_what_the_tables_hold_once_and_goes_on_where_it_stopped(
    uploaded: World, results: Results, build: Callable[[], Example]
) -> None:
    example = build()
    await hand_on(uploaded, results, NOISE)  # once: a copy that is not read before the signal would be printed again
    await hand_on(uploaded, results, CAT, copies=2)
    await results.publish("a", copies=2)
    await results.publish("b")
    printed = until_signalled(example, results, signal.SIGTERM, 4)
    assert sorted(printed) == sorted([line_of(uploaded, CAT), line_of(uploaded, NOISE), said("a"), said("b")])
    assert await results.committed() == 5

    await hand_on(uploaded, results, LATER)
    assert until_signalled(example, results, signal.SIGINT, 1) == [line_of(uploaded, LATER)]
    assert await results.committed() == 6

    await results.publish("c")
    assert example.run(results, results.group, 1) == [said("c")]


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
