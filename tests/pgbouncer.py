"""PgBouncer in front of a server, in transaction mode: a client has a session of its own for one transaction only."""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg

from deploy.local.errors import PartUnavailable
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from deploy.local.unprivileged import give_to, unprivileged_uid

SERVER_CONNECTIONS: Final = 2
_START_TIMEOUT_SECONDS: Final = 180.0


class PgBouncer:
    """
    Leads every database of a server through itself. ``users`` are passwords by name: it signs in on both sides.

    Raises:
        PartUnavailable: if it is not installed.
    """

    def __init__(self, host: str, port: int, users: dict[str, str]) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if program is None:
            raise PartUnavailable("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
        self.host = LOOPBACK
        self.port = free_port()
        # Not pytest's own folder: it is private to root, and PgBouncer refuses to run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="petstream-pgbouncer-"))
        self._uid = unprivileged_uid()
        self._user, self._password = next(iter(users.items()))
        settings = {
            "listen_addr": LOOPBACK,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "pool_mode": "transaction",
            "default_pool_size": SERVER_CONNECTIONS,
            "max_client_conn": 100,
            "auth_type": "scram-sha-256",
            "auth_file": self._folder / "users.txt",
            "server_login_retry": 1,
            "admin_users": self._user,
        }
        lines = ["[databases]", f"* = host={host} port={port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        (self._folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        quoted = [f'"{name}" "{password}"\n' for name, password in users.items()]
        (self._folder / "users.txt").write_text("".join(quoted))
        give_to(self._uid, self._folder)
        if self._uid is not None:
            for file in self._folder.iterdir():
                os.chown(file, self._uid, self._uid)
        self._process = ChildProcess(
            "PgBouncer",
            [program, str(self._folder / "pgbouncer.ini")],
            log_path=self._folder / "pgbouncer.log",
            cwd=self._folder,
            uid=self._uid,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        self._process.start()
        self._process.wait_until(lambda: bool(self.ask("SHOW VERSION")), timeout_seconds=_START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        self._process.stop(ending=signal.SIGTERM)  # which PgBouncer takes as "at once"

    def ask(self, command: str) -> list[tuple[object, ...]]:
        """What its administration says to a SHOW command; nothing while it does not answer."""
        try:
            with psycopg.connect(
                host=self.host,
                port=self.port,
                dbname="pgbouncer",
                user=self._user,
                password=self._password,
                autocommit=True,
                cursor_factory=psycopg.ClientCursor,
            ) as connection:
                return connection.execute(command.encode()).fetchall()
        except psycopg.OperationalError:
            return []
