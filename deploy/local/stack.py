"""
All parts together, and the processes of petstream beside them. The one door of this package: `with Stack() as
stack: …`.

Whatever ends the block (its end, an exception, Ctrl-C, kill -9), nothing of it keeps running, and its temporary
folder is gone.
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
from deploy.local.workplace import Workplace

_SPAWNED_GRACE_SECONDS = 30.0  # petstream settles what is in flight within 20 s by default

StepState = Literal["starting", "ready", "failed", "stopped"]


class OnStep(Protocol):
    """Told what happens, one call at a time, from several threads: "kafka", "ready", "Apache Kafka 4.4.0 in 1.4 s"."""

    def __call__(self, name: str, state: StepState, detail: str) -> None:
        """One step of one part."""


class Stack:
    """
    Kafka, PostgreSQL, S3 and SQS on loopback; each one ours, unless the environment names one that runs already.

    Args:
        directory: Where everything is kept and found again by the next run; by default a temporary folder.
        broker: "apache" or "wheel"; None chooses (see `broker.choose_broker`).
        kafka_nodes: 3 for a cluster that loses a leader and goes on.
        postgres_version: A major version, or "auto".
        names: Database, bucket and queue that are created.
        on_step: Told about each part's progress.
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
        on_step: OnStep = lambda name, state, detail: None,  # noqa: ARG005 - the shape of the callback, doing nothing
    ) -> None:
        self._directory = directory
        self._workplace: Workplace | None = None
        self._broker = broker
        self._kafka_nodes = kafka_nodes
        self._postgres_version = postgres_version
        self._names = names or Names()
        self._on_step = on_step
        self._telling = threading.Lock()
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
        if self._workplace is None:
            raise RuntimeError("this stack does not run")
        return self._workplace.directory

    def start(self) -> None:
        """
        Start all parts, at the same time, and wait for them.

        Raises:
            LocalPartError: if one cannot be had or does not come up. The others are ended; a note says where logs are.
        """
        if self._workplace is not None:
            raise RuntimeError("this stack runs already")
        self._workplace = Workplace(self._directory)
        try:
            self._start_parts()
        except BaseException as error:
            self._finish(error)
            raise

    def stop(self) -> None:
        """End everything that was started: petstream's processes first, then the parts. Those of others stay."""
        self._finish(None)

    def environment(self) -> dict[str, str]:
        """The settings by which a process of petstream finds the parts."""
        return dict(self._environment)

    def spawn(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None, *, cwd: Path | None = None
    ) -> ChildProcess:
        """
        Start a process of petstream's own, ended with the stack at the latest.

        Args:
            name: Names its log file, `<directory>/processes/<name>.log`; a second of that name writes `<name>.2.log`.
            argv: Program and arguments.
            env: Added to our environment and the settings of `environment()`; wins over both.
            cwd: Where it runs; by default where we do.
        """
        inherited = dict(os.environ)
        for variable in ("NO_PROXY", "no_proxy"):  # a proxy for the outside world must not be asked for loopback
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
        """The parts by name; those of others have no processes."""
        return dict(self._parts)

    def start_again(self, name: str) -> None:
        """
        Start a part that ended, with its data and port, and set up again what it forgot.

        Raises:
            LocalPartError: if it does not come up.
        """
        began = time.monotonic()
        self._parts[name].start()
        self._settings[name]()
        self._tell(name, "ready", f"again, in {time.monotonic() - began:.1f} s")

    def raise_if_ended(self) -> None:
        """Raise PartEnded, with the last lines of its log, if the process of a part has ended by itself."""
        for process in self._part_processes():
            process.raise_if_ended()

    def _start_parts(self) -> None:
        # The choice may fetch Kafka, which takes a minute the first time: before anything idles because of it.
        kafka, reason = make_broker(
            self.directory / "kafka",
            forced=self._broker,
            nodes=self._kafka_nodes,
            report=partial(self._tell, "kafka", "starting"),
        )
        self.kafka = kafka
        self.postgres = make_postgres(self.directory / "postgres", version=self._postgres_version)
        self.objects = make_object_store(self.directory / "objects")
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
        # Here all have ended, one way or another: after a failure or Ctrl-C nothing comes up behind our back.
        for job in jobs:
            self._environment |= job.result()

    def _start_part(self, name: str, part: Part, settings: Callable[[], dict[str, str]], note: str) -> dict[str, str]:
        began = time.monotonic()
        self._tell(name, "starting", f"{part.kind} ({note})" if note else part.kind)
        try:
            part.start()
            found = settings()
        except Exception as error:
            self._tell(name, "failed", str(error))
            raise
        self._tell(name, "ready", f"{part.kind} in {time.monotonic() - began:.1f} s")
        return found

    def _finish(self, error: BaseException | None) -> None:
        """End everything; keep the logs if an error is the reason."""
        if self._workplace is None:
            return
        for process in (*self._spawned, *self._part_processes()):
            process.wake()
        try:
            _all_at_once([partial(process.stop, _SPAWNED_GRACE_SECONDS) for process in self._spawned])
            _all_at_once([part.stop for part in self._parts.values()])
        finally:
            for process in (*self._spawned, *self._part_processes()):
                process.kill()  # finds something only if a stop failed, or a second Ctrl-C cut it short
            if isinstance(error, Exception) and (kept := self._workplace.keep_logs()):  # Ctrl-C is no failure
                error.add_note(f"logs of the embedded stack: {kept}")
                self._tell("stack", "failed", f"logs: {kept}")
            self._workplace.release()
            self._workplace = None
        for name in self._parts:
            self._tell(name, "stopped", "")
        self._spawned.clear()
        self._parts.clear()

    def _tell(self, name: str, state: StepState, detail: str) -> None:
        with self._telling:  # so that the callback may print without thinking about threads
            self._on_step(name, state, detail)

    def _part_processes(self) -> list[ChildProcess]:
        return [process for part in self._parts.values() for process in part.processes]


def _all_at_once(actions: Sequence[Callable[[], object]]) -> None:
    """Run all of them in threads and wait; the first error is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, len(actions))) as threads:
        running = [threads.submit(action) for action in actions]
    for action in running:
        action.result()
