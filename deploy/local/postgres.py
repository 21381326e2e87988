"""
PostgreSQL in a process of its own, on loopback TCP with password authentication, as petstream meets it in
production.

Data directory, port and password stay through `stop`, `kill`, `start` and `restart`. fsync is off: a killed server
loses nothing, since the pages are the kernel's; only a power cut would, and what is stored here is for a demo or a
test.
"""

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import Literal

from deploy.local.databases import create_database, drop_database, dsn
from deploy.local.errors import LocalPartError, PartEnded
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.postgres_binaries import PostgresBinaries, find_postgres
from deploy.local.processes import ChildProcess
from deploy.local.tls import self_signed
from deploy.local.unprivileged import give_to, others_may_reach, unprivileged_uid

SUPERUSER = "petstream"
_START_TIMEOUT_SECONDS = 180.0
_STOP_GRACE_SECONDS = 60.0
_ORPHANS_SECONDS = 0.1
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_READY = "ready"
_STATUS_LINE = 7  # of postmaster.pid: LOCK_FILE_LINE_PM_STATUS in src/include/utils/pidfile.h, counted from 0

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # TCP only: nothing to find, and nothing to leave behind
    "fsync": "off",
    # Not synchronous_commit: a commit that waits in the server's own memory is lost when the server is killed.
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
}


class Postgres:
    """
    A server of its own.

    Args:
        directory: Holds data, password and log. A directory of an earlier run is taken up again.
        version: A major version such as "15", or "auto".
        port: By default a free one.
        tls: Serve TLS; `ca_certificate` is then the file of the private authority. The wheel has no TLS.

    Raises:
        PartUnavailable: if that version is not on this machine.
    """

    def __init__(self, directory: Path, *, version: str = "auto", port: int | None = None, tls: bool = False) -> None:
        self._binaries: PostgresBinaries = find_postgres(version)
        self._directory = directory
        self._data = directory / "data"
        self._uid = unprivileged_uid()
        self._tls = tls
        self._process: ChildProcess | None = None
        self.kind = self._binaries.kind
        self.host = LOOPBACK
        self.port = port or free_port()
        self.superuser = SUPERUSER
        self.password = ""
        self.ca_certificate: Path | None = None

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """The server's first process, once started."""
        return () if self._process is None else (self._process,)

    def start(self) -> None:
        """
        Start it and wait until it accepts connections.

        Raises:
            LocalPartError: if it does not; the message has the last lines of its log.
        """
        if self._process is not None and self._process.is_running:
            return
        self._prepare()
        self._process = ChildProcess(
            self.kind,
            [str(self._binaries.bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *self._options()],
            env={"PATH": os.defpath, "LC_ALL": "C"},  # PGDATA, PGPORT and their like are not meant for this server
            log_path=self._directory / "postgres.log",
            cwd=self._data,
            uid=self._uid,
            # An immediate shutdown frees the shared memory that a kill would leave behind in the kernel.
            death_signal=signal.SIGQUIT,
        )
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while True:
            self._process.start()
            try:
                self._process.wait_until(self._is_ready, timeout_seconds=_START_TIMEOUT_SECONDS)
            except PartEnded as ended:
                # After kill -9 of the first process the others need a moment to notice that they are orphans.
                if "pre-existing shared memory block" not in ended.log_tail or time.monotonic() > deadline:
                    raise
                time.sleep(_ORPHANS_SECONDS)
            else:
                return

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop it: fast ends the sessions; smart waits for the clients; immediate recovers at the next start."""
        if self._process is not None:
            self._process.stop(_STOP_GRACE_SECONDS, ending=_STOP_SIGNALS[mode])

    def kill(self) -> None:
        """Kill its first process (SIGKILL); the others end by themselves when they notice."""
        if self._process is not None:
            self._process.kill()

    def restart(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop it and start it again with the same data and port."""
        self.stop(mode)
        self.start()

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, as a copy of the template if one is given. The template must have no connections."""
        create_database(self.dsn("postgres"), name, template)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, ending the sessions in it."""
        drop_database(self.dsn("postgres"), name)

    def dsn(self, database: str, *, username: str | None = None, password: str | None = None) -> str:
        """The address of a database for asyncpg and psycopg; by default for the superuser."""
        return dsn(self.host, self.port, database, username or self.superuser, password or self.password)

    def _is_ready(self) -> bool:
        """Whether the server says so in its pid file, which is where pg_ctl looks too."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The pid file of a server that was killed is still there, and still says "ready".
        return (
            len(lines) > _STATUS_LINE
            and lines[_STATUS_LINE].strip() == _READY
            and int(lines[0]) == self.processes[0].pid
        )

    def _prepare(self) -> None:
        """Data directory and password, made by the first start, kept by the others."""
        give_to(self._uid, self._directory)
        if self._uid is not None and self._binaries.libraries and not others_may_reach(self._binaries.bin / "postgres"):
            self._binaries = self._binaries.copied_to(self._directory / "programs")
        password = self._directory / "password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(18))
        self.password = password.read_text()
        if not (self._data / "PG_VERSION").exists():
            self._initialise(password)
        if self._tls:
            self._certify()

    def _initialise(self, password: Path) -> None:
        _own(self._uid, password)
        arguments = [
            *("-D", str(self._data), "-U", self.superuser, "--pwfile", str(password)),
            *("--auth-host", "scram-sha-256", "--auth-local", "reject"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ]
        answer = subprocess.run(
            [str(self._binaries.bin / "initdb"), *arguments],
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else [],
            cwd=self._directory,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_TIMEOUT_SECONDS,
        )
        if answer.returncode != 0:
            raise LocalPartError(f"{self.kind} could not prepare {self._data}:\n{answer.stdout}{answer.stderr}")

    def _certify(self) -> None:
        made = self_signed(self._directory / "tls")
        for path in (made.ca_certificate.parent, made.ca_certificate, made.certificate, made.key):
            _own(self._uid, path)
        self.ca_certificate = made.ca_certificate

    def _options(self) -> list[str]:
        settings = dict(_SETTINGS)
        if self._tls:
            tls = self._directory / "tls"
            settings |= {
                "ssl": "on",
                "ssl_cert_file": str(tls / "server.pem"),
                "ssl_key_file": str(tls / "server-key.pem"),
            }
        return [f"--{name}={value}" for name, value in settings.items()]


def _own(uid: int | None, path: Path) -> None:
    if uid is not None:
        os.chown(path, uid, uid)
