"""The demo as a person starts it: with the real model, to its totals, and ended in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demonstrating import assert_ended, descendants, read_until
from tests.world import World


def started_demo(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", *arguments],
        env={**{name: value for name, value in os.environ.items() if name != "COLUMNS"}, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_demo_ends_with_an_account_that_holds() -> None:
    demo = started_demo("--once")
    try:
        read_until(demo, "Uploading")
        children = descendants(demo.pid)
        assert len(children) >= 7  # broker, PostgreSQL, store, bridge, classifier, sink, reconcile
        assert any(b"--every" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children)
        said, _ = demo.communicate(timeout=400)
    finally:
        demo.kill()
    assert demo.returncode == 0, said
    assert said.splitlines()[-1].startswith("objects 19 = classified 10 + rejected 9")
    assert "100.0% (19/19) as labelled" in said
    assert_ended(children)


def test_a_demo_that_is_asked_to_end_while_it_starts_says_so_and_leaves_nothing_running(world: World) -> None:
    # On parts that run already, which it leaves alone. How a stack of its own ends: tests/integration/local.
    demo = started_demo(**{**world.stack.environment(), **world.env})
    try:
        read_until(demo, "Starting the services")
        world.eventually(lambda: len(descendants(demo.pid)) >= 4)  # board, bridge, classifier, sink
        children = descendants(demo.pid)
        demo.send_signal(signal.SIGTERM)
        said, _ = demo.communicate(timeout=120)
    finally:
        demo.kill()
    assert (demo.returncode, said.splitlines()[-1]) == (130, "Stopped. Nothing keeps running.")
    assert_ended(children)
    assert world.outcomes() == {}


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_a_demo_that_is_ended_leaves_nothing_running(ending: signal.Signals) -> None:
    demo = started_demo(PETSTREAM_BROKER="wheel")
    try:
        read_until(demo, "Uploading")
        children = descendants(demo.pid)
        assert len(children) >= 6  # broker, PostgreSQL, store, bridge, classifier, sink
        demo.send_signal(ending)
        demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert_ended(children)
