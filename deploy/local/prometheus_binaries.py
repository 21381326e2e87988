"""
Prometheus and promtool: installed already, or unpacked from Debian's package into the user's cache.

The package manager does the fetching, since it already knows how: mirrors, proxies, signatures. Nothing is installed,
so this needs no root; both programs are static but for the C library.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from deploy.local.errors import PartUnavailable

PROMETHEUS_VERSION = "2.42.0"
"""Debian 12's. What is written for it runs on 3.x as well: the rules and queries avoid what differs."""

_TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class PrometheusBinaries:
    """Where the two programs are."""

    prometheus: Path
    promtool: Path


def find_prometheus() -> PrometheusBinaries:
    """
    The programs on PATH, else those in the cache, else fetched into it.

    Raises:
        PartUnavailable: if they are none of these; the message has what the package manager said.
    """
    installed = shutil.which("prometheus"), shutil.which("promtool")
    if installed[0] and installed[1]:
        return PrometheusBinaries(Path(installed[0]), Path(installed[1]))
    directory = user_cache_path("petstream") / f"prometheus-{PROMETHEUS_VERSION}"
    if not directory.is_dir():  # a folder of that name is complete: it is renamed into place
        _fetch(directory)
    return PrometheusBinaries(directory / "prometheus", directory / "promtool")


def _fetch(directory: Path) -> None:
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        raise PartUnavailable(f"Prometheus is not installed, and without {missing[0]} it cannot be fetched")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f"{directory.name}-") as name:
        folder = Path(name)
        _download(folder)
        (package,) = folder.glob("prometheus_*.deb")
        _run(["dpkg-deb", "--extract", str(package), str(folder / "tree")], folder)
        complete = folder / "complete"
        complete.mkdir()
        for program in ("prometheus", "promtool"):
            (folder / "tree" / "usr" / "bin" / program).rename(complete / program)
        try:
            complete.rename(directory)
        except OSError:
            if not directory.is_dir():  # another process fetched it first
                raise


def _download(folder: Path) -> None:
    """Download the package; where the system's package lists are missing or stale, with fresh ones of our own."""
    wanted = f"prometheus={PROMETHEUS_VERSION}*"
    try:
        _run(["apt-get", "download", wanted], folder)
    except PartUnavailable:
        own = [f"--option=Dir::State={folder / 'state'}", f"--option=Dir::Cache={folder / 'cache'}"]
        (folder / "state" / "lists" / "partial").mkdir(parents=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True)
        _run(["apt-get", *own, "update"], folder)
        _run(["apt-get", *own, "download", wanted], folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise PartUnavailable(f"Prometheus is not installed, and {command[0]} did not end in time") from error
    if done.returncode != 0:
        output = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise PartUnavailable(f"Prometheus is not installed, and {command[0]} could not get it:\n{output}")
