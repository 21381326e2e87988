"""
A Docker engine of the test's own: Debian's, in a network namespace of its own, with nothing of it outside one folder.

It shares no socket, no data, no bridge and no port with an engine that the machine may have. Builds get their packages
through slirp4netns: no setting of the machine is changed. Its containers end with it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from tests.absent import cannot_run

PROGRAMS: Final = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "mmdebstrap": "mmdebstrap",
    "slirp4netns": "slirp4netns",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
}
"""What it needs, by the Debian package that brings it."""

START_SECONDS: Final = 120
STOP_SECONDS: Final = 60
CGROUP: Final = "/petstream-docker"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def require_engine() -> None:
    """Skip where no engine can be had, with the reason."""
    if os.geteuid() != 0:
        cannot_run("a Docker engine of one's own needs root")
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=_PATH) is None})
    if missing:
        cannot_run(f"apt-get install --no-install-recommends {' '.join(missing)}")


class Engine:
    """Runs from ``with`` to its end. ``directory`` takes all that it writes, and goes with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._socket = directory / "docker.sock"
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._processes and self._processes[0].poll() is None:
            containers = self.docker("ps", "--all", "--quiet", check=False).stdout.split()
            if containers:
                self.docker("rm", "--force", "--volumes", *containers, check=False)
        for process in self._processes:  # the engine first: slirp4netns is its way out
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):  # its network's name stays
            if (mounted := line.split()[1]).startswith(f"{self.directory}/"):
                subprocess.run(["umount", "--lazy", mounted], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """For Docker's clients. The classic builder: people have it where buildx is missing, and it builds the most."""
        return {"DOCKER_HOST": f"unix://{self._socket}", "DOCKER_BUILDKIT": "0", "PATH": _PATH}

    def docker(
        self,
        *words: str | Path,
        check: bool = True,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 3600,
    ) -> subprocess.CompletedProcess[str]:
        """Run Docker's client against this engine."""
        return self._run(["docker", *words], check=check, stdin=stdin, environment=environment or {}, timeout=timeout)

    def compose(
        self,
        *words: str | Path,
        check: bool = True,
        environment: Mapping[str, str] | None = None,
        timeout: float = 3600,
    ) -> subprocess.CompletedProcess[str]:
        """Run the pinned Compose of deploy/ops.lock against this engine, in the project's root."""
        program = Path(sys.prefix) / "ops" / "bin" / "docker-compose"
        if not program.exists():
            cannot_run("docker-compose is not installed: make setup does it")
        return self._run([program, *words], check=check, stdin=None, environment=environment or {}, timeout=timeout)

    def inside(self, *command: str | Path) -> list[str | Path]:
        """The command as it runs in the engine's network, where the published ports are on loopback."""
        return ["nsenter", f"--net=/proc/{self._processes[0].pid}/ns/net", *command]

    def _start(self) -> None:
        daemon: list[str | Path] = [
            "dockerd",
            *("--data-root", self.directory / "data"),
            *("--exec-root", self.directory / "exec"),
            *("--pidfile", self.directory / "pid"),
            *("--host", f"unix://{self._socket}"),
            *("--cgroup-parent", CGROUP),
            *("--shutdown-timeout", "20"),
        ]
        # The namespace goes when the daemon does. /sys is left as it is: the containers' limits are set there.
        self._spawn(["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *daemon])
        network = Path(f"/proc/{self._processes[0].pid}/ns/net")
        self._until(lambda: network.readlink() != Path("/proc/self/ns/net").readlink(), "no network of its own")
        way_out = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback"]
        self._spawn([*way_out, str(self._processes[0].pid), "tap0"])
        self._until(lambda: self.docker("version", check=False).returncode == 0, "the engine does not answer")

    def _spawn(self, command: Sequence[str | Path]) -> None:
        with (self.directory / "dockerd.log").open("ab") as log:
            started = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PATH": _PATH})
        self._processes.append(started)

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError):
                if condition():
                    return
            if any(process.poll() is not None for process in self._processes) or time.monotonic() > deadline:
                said = (self.directory / "dockerd.log").read_text(errors="replace")[-2000:]
                cannot_run(f"no Docker engine runs here ({otherwise}): {said}")
            time.sleep(0.2)

    def _run(
        self,
        command: Sequence[str | Path],
        *,
        check: bool,
        stdin: bytes | None,
        environment: Mapping[str, str],
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env=os.environ | self.environment | dict(environment),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
        text = subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )
        assert not check or text.returncode == 0, f"{command}\n{text.stdout[-4000:]}\n{text.stderr[-4000:]}"
        return text
