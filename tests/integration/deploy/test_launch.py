import os
import signal
import subprocess
import sys

import pytest

from deploy.local import launch


def run(parent_pid: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", launch.__file__, str(parent_pid), str(int(signal.SIGKILL)), "-"]
    return subprocess.run([*command, "/bin/echo", "began"], capture_output=True, text=True, check=False, timeout=60)


def test_the_program_takes_the_place_of_the_launcher() -> None:
    assert run(os.getpid()).stdout == "began\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the guard ends the children")
def test_a_child_whose_parent_is_gone_before_it_could_ask_for_the_signal_does_not_begin() -> None:
    ended = run(parent_pid=1)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "the parent ended" in ended.stderr
