"""The demo in a process of its own: as a person starts it, or with a small model and a few pictures."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PROGRAM = """
import sys
from pathlib import Path
from streams.cli.console import out
from streams.demo import demo
demo.default_model = lambda *_: Path(sys.argv[1])
demo.STALLED_SECONDS = float(sys.argv[3])
sys.exit(demo.run(Path(sys.argv[2]), once=sys.argv[4] == "once", console=out))
"""


def started_demo(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A demo as a person starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", *arguments],
        env={**{name: value for name, value in os.environ.items() if name != "COLUMNS"}, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


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
    """All processes below one, as Linux tells; of one that ends meanwhile there are none."""
    try:
        lists = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    children = [int(child) for each in lists for child in each.split()]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def find(demo: subprocess.Popen[str], *words: str) -> int:
    """The process of the demo with these words in its command line that was started first."""
    for pid in descendants(demo.pid):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if all(any(word == part or part.endswith(f"/{word}") for part in command) for word in words):
            return pid
    raise AssertionError(f"no process with {words}")


def freeze(pid: int) -> Callable[[], None]:
    """Stop a process and those below it, as a machine that hangs does; call the result to thaw them."""
    frozen = [pid]
    os.kill(pid, signal.SIGSTOP)  # from now on it starts none and reaps none, so that no id below is stale
    for child in descendants(pid):
        frozen.append(child)
        os.kill(child, signal.SIGSTOP)

    def thaw() -> None:
        for each in reversed(frozen):  # the first one last: it would reap those that ended
            os.kill(each, signal.SIGCONT)

    return thaw


def assert_ended(children: list[int]) -> None:
    deadline = time.monotonic() + 60
    while alive := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in alive]
        time.sleep(0.1)
