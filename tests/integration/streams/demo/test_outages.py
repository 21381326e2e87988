"""The demo beside parts that are stopped and killed: it says so, waits, starts again what it started, and goes on."""

import os
import signal
from pathlib import Path

import pytest

from tests.demonstrating import assert_ended, descendants, find, freeze, read_until, started

PICTURES = 30


@pytest.fixture
def pictures(tmp_path: Path, chelsea: bytes) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(PICTURES):
        (folder / f"{number:02}.png").write_bytes(chelsea)
    return folder


def test_a_demo_whose_parts_and_processes_are_killed_and_stopped_goes_on_to_an_account_that_holds(
    quick_model: Path, pictures: Path
) -> None:
    demo = started(quick_model, pictures, PETSTREAM_BROKER="wheel")
    try:
        read_until(demo, "Uploading")
        os.kill(find(demo, "streams.cli", "sink"), signal.SIGKILL)
        os.kill(find(demo, "streams.cli", "classify"), signal.SIGKILL)
        thaw, broker = freeze(find(demo, "postgres")), find(demo, "--storage-engine")
        os.kill(broker, signal.SIGSTOP)
        said = [line for _ in range(2) for line in read_until(demo, "away", "no answer for 4 s; waiting for it")]
        thaw()
        os.kill(broker, signal.SIGCONT)
        said += [line for _ in range(2) for line in read_until(demo, "back")]
        os.kill(find(demo, "postgres"), signal.SIGKILL)
        rest, _ = demo.communicate(timeout=240)
    finally:
        demo.kill()
    text = "".join(said) + rest
    for name in ("sink", "classify", "postgres"):
        assert f"  {name:9} ended    killed by signal 9: restarting\n" in text, text
    for name in ("kafka", "postgres"):
        assert f"  {name:9} away     no answer for 4 s; waiting for it\n" in text, text
    assert text.splitlines()[-1].startswith(f"objects {PICTURES} = classified {PICTURES} + rejected 0"), text
    assert demo.returncode == 0


@pytest.mark.slow
def test_a_part_that_never_comes_back_ends_the_demo_within_its_bound(quick_model: Path, pictures: Path) -> None:
    demo = started(quick_model, pictures, stalled_seconds=5, PETSTREAM_BROKER="wheel")
    try:
        read_until(demo, "Uploading")
        children = descendants(demo.pid)
        freeze(find(demo, "postgres"))
        said, _ = demo.communicate(timeout=100)
    finally:
        demo.kill()
    assert said.splitlines()[-1] == f"objects {PICTURES}, of which 0 arrived  THE ACCOUNT CANNOT BE MADE", said
    assert demo.returncode == 1
    assert_ended(children)


@pytest.mark.slow  # each starts a stack; that a hanging part is told and does not end the demo is shown above
@pytest.mark.parametrize("part", ["postgres", "ministack", "--storage-engine"])
def test_ctrl_c_ends_a_demo_whose_part_hangs(quick_model: Path, pictures: Path, part: str) -> None:
    demo = started(quick_model, pictures, PETSTREAM_BROKER="wheel")
    try:
        read_until(demo, "Uploading")
        children = descendants(demo.pid)
        freeze(find(demo, part))
        read_until(demo, "away")
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=150)
    finally:
        demo.kill()
    assert (demo.returncode, said.splitlines()[-1]) == (130, "Stopped. Nothing keeps running."), said
    assert_ended(children)
