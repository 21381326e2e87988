"""The processes of a run: one of each role, killed on purpose, and kept running as an orchestrator would."""

import asyncio
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from deploy.local.errors import LocalPartError
from deploy.local.pipeline import Role, Worker
from tests.freezing import freeze_group
from tests.world import World

ROLES: Final[tuple[Role, ...]] = ("bridge", "classify", "sink")
PROBES_FAILED: Final = 3
"""In a row, until a process is restarted that says it should be. Source: Kubernetes' default failureThreshold."""


@dataclass
class Workers:
    """``env`` is given to each process, over the world's own."""

    world: World
    env: Mapping[str, str]
    print_line: Callable[[str], None]
    kills: Counter[str] = field(default_factory=Counter)
    ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves, or said that they should be restarted."""
    _running: dict[Role, Worker] = field(default_factory=dict)
    _failed_probes: Counter[str] = field(default_factory=Counter)

    async def start_all(self) -> None:
        """Start one of each role and return when all are ready."""
        for role in ROLES:
            self._start(role)
        await asyncio.gather(*(asyncio.to_thread(worker.wait_ready) for worker in self._running.values()))

    async def kill(self, role: Role) -> None:
        """Kill -9, start another at once, return when it is ready, or killed again, or ended by itself."""
        async with self.without(role):
            pass

    @asynccontextmanager
    async def without(self, role: Role) -> AsyncIterator[None]:
        """Kill -9; start another at the end, return when it is ready. As ``kill`` if there is none at the moment."""
        if (worker := self._running.pop(role, None)) is None:
            yield
            return
        worker.process.kill()
        self.world.workers.remove(worker)
        self.kills[role] += 1
        try:
            yield
        finally:
            started = self._start(role)
            with suppress(LocalPartError):
                await asyncio.to_thread(started.wait_ready)

    async def freeze(self, role: Role, seconds: float) -> None:
        """Stop a process and its decoders in whatever they do, and let them go on so much later."""
        if (worker := self._running.get(role)) is None or not worker.process.is_running:
            return
        thaw = freeze_group(worker.process)
        try:
            await asyncio.sleep(seconds)
        finally:
            thaw()

    async def visit(self, role: Role, seconds: float, *, ends_by_kill: bool) -> None:
        """A further process of a role joins, works for so long, and leaves in peace or by kill -9."""
        (visitor,) = self.world.start(role, env=self.env, wait=False)
        try:
            await asyncio.to_thread(visitor.wait_ready)
            await asyncio.sleep(seconds)
        except LocalPartError as error:
            self._note(f"a second {role}: {error}")
        finally:
            self.world.workers.remove(visitor)
            if ends_by_kill:
                visitor.process.kill()
                self.kills[role] += 1
            elif (status := await asyncio.to_thread(visitor.process.stop, 60)) != 0:
                self._note(f"a second {role} did not stop cleanly: status {status}: {visitor.process.log_tail(5)}")

    async def supervise(self) -> None:
        """Start again what ended by itself or failed its liveness. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(1)
            for role, worker in list(self._running.items()):
                alive = await asyncio.to_thread(_is_live, worker)
                if self._running.get(role) is not worker:  # it was killed meanwhile
                    continue
                self._failed_probes[role] = 0 if alive else self._failed_probes[role] + 1
                status = worker.process.poll()
                if status is not None or self._failed_probes[role] >= PROBES_FAILED:
                    what = "failed its liveness" if status is None else f"ended by itself with status {status}"
                    self._note(f"{role} {what}: {worker.health()} {worker.process.log_tail(5)[-1500:]}")
                    worker.process.kill()
                    self.world.workers.remove(worker)
                    self._start(role)

    def _start(self, role: Role) -> Worker:
        (worker,) = self.world.start(role, env=self.env, wait=False)
        self._running[role] = worker
        self._failed_probes[role] = 0
        return worker

    def _note(self, what: str) -> None:
        self.ended.append(what)
        self.print_line(what)


def _is_live(worker: Worker) -> bool:
    """False only if it answers that a restart would help: one that does not answer yet may be starting."""
    try:
        with urllib.request.urlopen(f"{worker.url}/health/live", timeout=5):  # noqa: S310 - our own http URL
            return True
    except urllib.error.HTTPError as error:
        return error.code != HTTPStatus.SERVICE_UNAVAILABLE
    except OSError:
        return True
