"""The previous release as its users have it: its wheel, with the versions of its own lock, in its own environment."""

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from deploy.local.pipeline import Role, Worker
from deploy.local.ports import LOOPBACK, free_port
from tests.absent import cannot_run
from tests.commands import Done, kept
from tests.world import World

COMMIT: Final = "1441ab156495aeb9f2bae3396ba56e34596cf527"
EXTRAS: Final = "classify,sink"
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """Its Python. What runs in it must not find this checkout: `python -m` would."""

    python: Path

    def run(self, *words: str, env: Mapping[str, str]) -> Done:
        """Run one of its commands to the end."""
        done = subprocess.run(
            [self._petstream, *words], env=kept() | dict(env), capture_output=True, text=True, timeout=300, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, world: World, role: Role, **env: str) -> Worker:
        """Start one of its processes in a world, and wait until it is ready."""
        port = free_port()
        process = world.stack.spawn(
            f"previous-{role}", [self._petstream, role], {**world.env, "HEALTH_PORT": str(port), **env}
        )
        worker = Worker(role, process, f"http://{LOOPBACK}:{port}")
        world.workers.append(worker)
        worker.wait_ready()
        return worker

    @property
    def _petstream(self) -> str:
        return str(self.python.with_name("petstream"))


@contextmanager
def installed() -> Iterator[PreviousRelease]:
    """The release, installed; removed at the end. Skips the test where git's history or the packages are missing."""
    uv = Path(sys.prefix) / "bin" / "uv"
    with tempfile.TemporaryDirectory(prefix="petstream-previous-") as name:
        folder = Path(name)
        archive = _run("git", "-C", ROOT, "archive", COMMIT)
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder / "source", filter="data")
        _run(uv, "build", "--quiet", "--wheel", "--out-dir", folder, folder / "source")
        (wheel,) = folder.glob("*.whl")
        _run(uv, "venv", "--quiet", "--python", sys.executable, folder / "app")
        python = folder / "app" / "bin" / "python"
        lock = folder / "source" / "requirements.lock"
        _run(uv, "pip", "install", "--quiet", "--python", python, "-c", lock, f"{wheel}[{EXTRAS}]")
        yield PreviousRelease(python)


def _run(*command: str | Path) -> bytes:
    try:
        done = subprocess.run(command, env=os.environ, capture_output=True, timeout=500, check=False)
    except FileNotFoundError as missing:
        cannot_run(f"the previous release cannot be installed: {missing}")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        cannot_run(f"the previous release cannot be installed: {Path(command[0]).name}: {said}")
    return done.stdout
