"""
All parts together, and petstream's processes on them. Start here: `with Stack() as stack: …`.

However the block ends (normally, by an exception, Ctrl-C or kill -9), all processes end and the temporary folder is
removed.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from deploy.local.broker import Broker
from deploy.local.external import ExternalObjectStore, ExternalPostgres
from deploy.local.object_store import ObjectStore
from deploy.local.parts import (
    Names,
    Part,
    database_environment,
    make_broker,
    make_object_store,
    make_postgres,
    object_store_environment,
)
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import Postgres
from deploy.local.processes import ChildProcess
from deploy.local.stack_directory import StackDirectory

_SPAWNED_GRACE_SECONDS = 30.0  # petstream settles what is in flight within 20 s by default

StepState = Literal["starting", "ready", "failed", "stopped"]


class OnStep(Protocol):
    """Called per step, one call at a time, from several threads: "kafka", "ready", "Apache Kafka 4.4.0 in 1.4 s"."""

    def __call__(self, name: str, state: StepState, detail: str) -> None:
        """One step of one part."""


class Stack:
    """
    Kafka, PostgreSQL, S3 and SQS on loopback. Parts that the environment names are used instead of started.

    Args:
        directory: Keeps all data for the next run; by default a temporary folder.
        broker: "apache" or "wheel"; None chooses (see `broker.choose_broker`).
        kafka_nodes: 3 for a cluster that loses a leader and goes on.
        postgres_version: A major version, or "auto".
        names: Database, bucket and queue that are created.
        ports: Of the parts by name (kafka, postgres, objects); by default free ones.
        on_step: Called for each step of a part.
    """

    kafka: Broker
    postgres: Postgres | ExternalPostgres
    objects: ObjectStore | ExternalObjectStore

    def __init__(
        self,
        directory: Path | None = None,
        broker: Literal["apache", "wheel"] | None = None,
        *,
        kafka_nodes: int = 1,
        postgres_version: str = "auto",
        names: Names | None = None,
        ports: Mapping[str, int] | None = None,
        on_step: OnStep = lambda name, state, detail: None,  # noqa: ARG005 - the shape of the callback, doing nothing
    ) -> None:
        self._directory = directory
        self._folder: StackDirectory | None = None
        self._broker = broker
        self._kafka_nodes = kafka_nodes
        self._postgres_version = postgres_version
        self._names = names or Names()
        self._ports = ports or {}
        self._on_step = on_step
        self._reporting = threading.Lock()
        self._parts: dict[str, Part] = {}
        self._spawned: list[ChildProcess] = []
        self._environment: dict[str, str] = {}
        self._settings: dict[str, Callable[[], dict[str, str]]] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._finish(error)

    @property
    def directory(self) -> Path:
        """Where the parts keep their data and logs while the stack runs."""
        if self._folder is None:
            raise RuntimeError("this stack does not run")
        return self._folder.directory

    def start(self) -> None:
        """
        Start all parts, at the same time, and wait for them.

        Raises:
            LocalPartError: a part is not available or does not start. The others are stopped; a note names the logs.
        """
        if self._folder is not None:
            raise RuntimeError("this stack runs already")
        self._folder = StackDirectory(self._directory)
        try:
            self._start_parts()
        except BaseException as error:
            self._finish(error)
            raise

    def stop(self) -> None:
        """Stop everything that was started: petstream's processes first, then the parts. External parts stay."""
        self._finish(None)

    def environment(self) -> dict[str, str]:
        """The settings by which a process of petstream finds the parts."""
        return dict(self._environment)

    def spawn(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None, *, cwd: Path | None = None
    ) -> ChildProcess:
        """
        Start a process of petstream. It ends with the stack at the latest.

        Args:
            name: Names its log file, `<directory>/processes/<name>.log`; a second of that name writes `<name>.2.log`.
            argv: Program and arguments.
            env: Added to this process's environment and `environment()`; overrides both.
            cwd: Working directory; by default this process's.
        """
        inherited = dict(os.environ)
        for variable in ("NO_PROXY", "no_proxy"):  # loopback must not go through a proxy
            inherited[variable] = ",".join(filter(None, [inherited.get(variable), LOOPBACK, "localhost"]))
        earlier = sum(process.name == name for process in self._spawned)
        file_name = f"{name}.{earlier + 1}.log" if earlier else f"{name}.log"
        process = ChildProcess(
            name,
            argv,
            env={**inherited, **self._environment, **(env or {})},
            cwd=cwd,
            log_path=self.directory / "processes" / file_name,
        )
        self._spawned.append(process)
        return process.start()

    @property
    def parts(self) -> Mapping[str, Part]:
        """The parts by name; external ones have no processes."""
        return dict(self._parts)

    def start_again(self, name: str) -> None:
        """
        Start a part that ended, with the same data and port, and create again what it lost.

        Raises:
            LocalPartError: it does not start.
        """
        began = time.monotonic()
        self._parts[name].start()
        self._settings[name]()
        self._report(name, "ready", f"again, in {time.monotonic() - began:.1f} s")

    def raise_if_ended(self) -> None:
        """Raise PartEnded, with the last lines of its log, if the process of a part has ended by itself."""
        for process in self._part_processes():
            process.raise_if_ended()

    def _start_parts(self) -> None:
        # Before anything starts or is fetched: a wrong address is reported at once.
        self.objects = make_object_store(self.directory / "objects", port=self._ports.get("objects"))
        if isinstance(self.objects, ExternalObjectStore):
            self.objects.start()
        # Before the others, since it may fetch Kafka, which takes a minute.
        kafka, reason = make_broker(
            self.directory / "kafka",
            forced=self._broker,
            nodes=self._kafka_nodes,
            port=self._ports.get("kafka"),
            report=partial(self._report, "kafka", "starting"),
        )
        self.kafka = kafka
        self.postgres = make_postgres(
            self.directory / "postgres", version=self._postgres_version, port=self._ports.get("postgres")
        )
        self._parts = {"kafka": self.kafka, "postgres": self.postgres, "objects": self.objects}
        self._settings = {
            "kafka": lambda: {"KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers},
            "postgres": lambda: database_environment(self.postgres, self._names),
            "objects": lambda: object_store_environment(self.objects, self._names),
        }
        notes = {"kafka": reason or ""}
        with ThreadPoolExecutor(max_workers=len(self._parts)) as threads:
            jobs = [
                threads.submit(self._start_part, name, part, self._settings[name], notes.get(name, ""))
                for name, part in self._parts.items()
            ]
        # All threads have ended here, so after a failure or Ctrl-C no part starts later.
        for job in jobs:
            self._environment |= job.result()

    def _start_part(self, name: str, part: Part, settings: Callable[[], dict[str, str]], note: str) -> dict[str, str]:
        began = time.monotonic()
        self._report(name, "starting", f"{part.kind} ({note})" if note else part.kind)
        try:
            part.start()
            found = settings()
        except Exception as error:
            self._report(name, "failed", str(error))
            raise
        self._report(name, "ready", f"{part.kind} in {time.monotonic() - began:.1f} s")
        return found

    def _finish(self, error: BaseException | None) -> None:
        """Stop everything; keep the logs after an error."""
        if self._folder is None:
            return
        for process in (*self._spawned, *self._part_processes()):
            process.wake()
        try:
            _all_at_once([partial(process.stop, _SPAWNED_GRACE_SECONDS) for process in self._spawned])
            _all_at_once([part.stop for part in self._parts.values()])
        finally:
            for process in (*self._spawned, *self._part_processes()):
                process.kill()  # only if a stop failed, or a second Ctrl-C interrupted it
            if isinstance(error, Exception) and (kept := self._folder.keep_logs()):  # Ctrl-C is no failure
                error.add_note(f"logs of the embedded stack: {kept}")
                self._report("stack", "failed", f"logs: {kept}")
            self._folder.release()
            self._folder = None
        for name in self._parts:
            self._report(name, "stopped", "")
        self._spawned.clear()
        self._parts.clear()

    def _report(self, name: str, state: StepState, detail: str) -> None:
        with self._reporting:  # so the callback need not be thread-safe
            self._on_step(name, state, detail)

    def _part_processes(self) -> list[ChildProcess]:
        return [process for part in self._parts.values() for process in part.processes]


def _all_at_once(actions: Sequence[Callable[[], object]]) -> None:
    """Run all in threads and wait for all; then raise the first error."""
    with ThreadPoolExecutor(max_workers=max(1, len(actions))) as threads:
        running = [threads.submit(action) for action in actions]
    for action in running:
        action.result()
