"""A steady rate of uploads, restarts in turn, a look at each process every few seconds; then the account."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import psycopg

from deploy.local.pipeline import Role, Worker
from tests.chaos.account import Account, Expected, settle
from tests.chaos.run import ROWS
from tests.soak.plan import LEFT_ALONE, restarts
from tests.soak.sampling import Sample, sample
from tests.soak.verdict import Trend, longest, trend, trends
from tests.world import World

WEIGHTS: Final = (6, 3, 3, 1, 1)
"""How often each of the contents of tests.chaos.plan is uploaded, compared with the others."""

DRAIN_SECONDS: Final = 180.0


@dataclass
class Soak:
    """
    One run in a world of its own.

    Args:
        contents: pictures, each with the outcome that it must have.
        rate: uploads a second.
        print_line: called with each line of progress.
    """

    world: World
    contents: list[tuple[bytes, str]]
    seconds: float
    rate: float
    restart_every_seconds: float
    sample_every_seconds: float
    print_line: Callable[[str], None] = lambda _line: None
    lives: dict[str, list[Sample]] = field(default_factory=dict)
    server_connections: list[tuple[float, float]] = field(default_factory=list)
    """Of the database, whoever holds them, over time."""
    stops: list[tuple[str, float, int | None]] = field(default_factory=list)
    """Each graceful stop: the process, its seconds, its exit status."""
    faults: list[str] = field(default_factory=list)
    expected: dict[str, Expected] = field(default_factory=dict)
    _began: float = 0.0
    _workers: dict[Role, tuple[str, Worker]] = field(default_factory=dict)

    async def run(self) -> Account:
        """Everything, from the start of the processes to the account."""
        for role in LEFT_ALONE:
            self._start(role)
        for _, worker in self._workers.values():
            worker.wait_ready()
        self._began = time.monotonic()
        done = threading.Event()
        uploading = asyncio.create_task(asyncio.to_thread(self._upload))
        watching = asyncio.create_task(asyncio.to_thread(self._watch, done))
        try:
            for restart in restarts(self.seconds, self.restart_every_seconds):
                await asyncio.sleep(max(0.0, restart.at_seconds - self._now()))
                await asyncio.to_thread(self._restart, restart.role)
            await uploading
        finally:
            done.set()
            await watching
        return await self._account()

    def trends(self) -> list[Trend]:
        """What became of each figure of the longest life of each role."""
        found = [each for name in longest(self.lives) for each in trends(name, self.lives[name])]
        return [*found, trend("postgresql", "connections", self.server_connections)]

    def broken(self) -> list[str]:
        """What should not have been: growth, stops that were not clean, lives too short to tell."""
        found = list(self.faults)
        for name in longest(self.lives):
            lived = self.lives[name][-1].at_seconds - self.lives[name][0].at_seconds
            if lived < 0.4 * self.seconds:
                found.append(f"{name} lived {lived:.0f} s, less than 40 % of the run: too short to tell")
        grown = [each for each in self.trends() if not each.is_flat]
        return found + [f"{t.process}: {t.figure} grew from {t.second_quarter} to {t.last_quarter}" for t in grown]

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _start(self, role: Role) -> None:
        number = sum(1 for name in self.lives if name.startswith(role)) + 1
        name = f"{role} {number}"
        self.lives[name] = []
        (worker,) = self.world.start(role, wait=False)
        self._workers[role] = (name, worker)

    def _restart(self, role: Role) -> None:
        name, worker = self._workers.pop(role)
        began = time.monotonic()
        status = worker.process.stop(40)
        seconds = time.monotonic() - began
        self.world.workers.remove(worker)
        self.stops.append((name, round(seconds, 1), status))
        self.print_line(f"{name} stopped in {seconds:.1f} s with status {status}")
        if status != 0:
            self.faults.append(f"{name} did not stop cleanly: status {status} after {seconds:.1f} s")
        self._start(role)
        self._workers[role][1].wait_ready()

    def _upload(self) -> None:
        rng = random.Random(1)
        for number in range(int(self.seconds * self.rate)):
            time.sleep(max(0.0, number / self.rate - self._now()))
            data, outcome = rng.choices(self.contents, WEIGHTS)[0]
            key = f"uploads/ann/{number}.jpg"
            answer = self.world.stack.objects.s3.put_object(Bucket=self.world.bucket, Key=key, Body=data)
            self.expected[key] = Expected(answer["VersionId"], outcome)

    def _watch(self, done: threading.Event) -> None:
        stack, looks = self.world.stack, 0
        kafka_ports = {int(server.rpartition(":")[2]) for server in stack.kafka.bootstrap_servers.split(",")}
        with psycopg.connect(self.world.dsn, autocommit=True) as connection:
            while not done.wait(self.sample_every_seconds):
                looks += 1
                for role, (name, worker) in list(self._workers.items()):
                    if worker.process.poll() is not None and self._workers.get(role, ("", None))[1] is worker:
                        self.faults.append(f"{name} ended by itself: {worker.process.log_tail()[-1000:]}")
                        self._workers.pop(role, None)
                        continue
                    look = sample(worker, self._now(), kafka_ports, stack.postgres.port)
                    if look is not None:
                        self.lives[name].append(look)
                count = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
                self.server_connections.append((round(self._now(), 1), (count.fetchone() or (0,))[0]))
                if looks % 12 == 0:
                    names = [name for name, _ in self._workers.values() if self.lives[name]]
                    held = ", ".join(f"{name} {self.lives[name][-1].resident_mib:.0f} MiB" for name in names)
                    self.print_line(f"{len(self.expected)} uploaded; {held}")

    async def _account(self) -> Account:
        self.print_line("all is uploaded; waiting for what is still on its way")
        deadline = time.monotonic() + DRAIN_SECONDS
        while len(self.world.rows("SELECT 1 FROM image_outcomes")) < len(self.expected):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.3)
        published = [len(await self.world.events(topic)) for topic in ("image-classifications", "image-rejections")]
        letters = len(await self.world.events("storage-dead-letters"))
        rows = self.world.rows(ROWS)
        return settle(self.expected, len(self.expected), rows, published=sum(published), dead_letters=letters)
