"""The demo in a process of its own, with a small model and a few pictures: for tests that stop its parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

_PROGRAM = """
import sys
from pathlib import Path
from streams.cli.console import out
from streams.demo import demo
demo.exported = lambda *_: Path(sys.argv[1])
demo.STALLED_SECONDS = float(sys.argv[3])
sys.exit(demo.run(Path(sys.argv[2]), once=sys.argv[4] == "once", console=out))
"""


def started(
    model: Path, pictures: Path, *, stalled_seconds: float = 120, once: bool = True, **environment: str
) -> subprocess.Popen[str]:
    """A demo that ends by itself if ``once``, on parts of its own unless the environment names others."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(model), str(pictures), str(stalled_seconds), "once" if once else "stay"],
        env={**os.environ, "DECODE_WORKERS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(demo: subprocess.Popen[str], *words: str) -> list[str]:
    """What it says, up to the line with these words."""
    assert demo.stdout is not None
    said = []
    for line in demo.stdout:
        said.append(line)
        if all(word in line for word in words):
            return said
    raise AssertionError("".join(said))


def descendants(pid: int) -> list[int]:
    """All processes below one, as Linux tells."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def find(demo: subprocess.Popen[str], *words: str) -> int:
    """The process of the demo with these words in its command line that was started first."""
    for pid in descendants(demo.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if all(any(word == part or part.endswith(f"/{word}") for part in command) for word in words):
            return pid
    raise AssertionError(f"no process with {words}")


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, number)


def assert_ended(children: list[int]) -> None:
    deadline = time.monotonic() + 30
    while alive := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in alive]
        time.sleep(0.1)
