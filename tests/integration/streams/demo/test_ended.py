"""A demo that is ended in the middle."""

import signal

import pytest

from tests.demonstrating import assert_ended, descendants, read_until, started_demo
from tests.world import World


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
