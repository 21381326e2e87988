"""What a process took is what it and its children took, and the peak is that since one asked to forget the last."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from benchmarks.processes import forget_peak, peak_mib, processor_seconds

WORKS = """
import subprocess, sys
{prelude}
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
"""


@pytest.fixture
def started() -> "Callable[[str], subprocess.Popen[str]]":
    def start(prelude: str) -> "subprocess.Popen[str]":
        program = [sys.executable, "-c", WORKS.format(prelude=prelude)]
        process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    return start


def test_a_peak_is_forgotten_and_remembered_anew(started: "Callable[[str], subprocess.Popen[str]]") -> None:
    process = started("held = bytearray(64 * 2**20); del held")
    before = peak_mib(process.pid)
    forget_peak(process.pid)
    after = peak_mib(process.pid)
    process.communicate("\n", timeout=60)
    assert before - after > 50


def test_children_count(started: "Callable[[str], subprocess.Popen[str]]") -> None:
    alone = started("")
    child = "import sys; [n * n for n in range(2_000_000)]; print(); sys.stdin.readline()"
    parent = started(
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()"
    )
    try:
        assert peak_mib(parent.pid) > 1.5 * peak_mib(alone.pid)
        assert processor_seconds(parent.pid) > processor_seconds(alone.pid) + 0.05
    finally:
        for process in (alone, parent):
            process.communicate("\n", timeout=60)


def test_who_has_ended_took_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=60)
    forget_peak(process.pid)
    assert (peak_mib(process.pid), processor_seconds(process.pid)) == (0, 0)
    assert peak_mib(os.getpid()) > 10
