"""The demo as a person starts it: with the real model, to its totals."""

from pathlib import Path

from tests.demonstrating import assert_ended, descendants, read_until, started_demo


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
