"""Each fault, from its beginning to its end. Faults of one part wait for each other; kills and other parts do not."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

import psycopg
import stamina
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.kafka import ApacheKafka
from deploy.local.pipeline import Role
from deploy.local.postgres import Postgres
from tests.chaos.faults import Planned
from tests.chaos.retention import Retention
from tests.chaos.troubles import Troubles
from tests.chaos.workers import Workers
from tests.http_faults import Answers, CutShort, HttpFaults, Slow
from tests.proxy import TcpProxy
from tests.sqs_faults import OutOfOrder, Twice
from tests.world import World

SLOW_SECONDS: Final = 2.0
REPEATED: Final = 40
TOPICS: Final = ("image-uploads", "image-classifications", "image-rejections")
OFFSETS: Final = "__consumer_offsets"
REPEATED_MAX_BYTES: Final = 500_000
"""Larger messages came packed."""
JOINING_SECONDS: Final = 8.0
"""From so long a freeze on, another process may have taken the work over when the first goes on."""


@dataclass
class Breaking:
    """Breaks and mends one world, whose processes reach store, queue and database through these proxies."""

    world: World
    workers: Workers
    store: HttpFaults
    queue: HttpFaults
    database: TcpProxy
    troubles: Troubles
    retention: Retention
    times: list[tuple[str, float, float]] = field(default_factory=list)
    """Each fault, from when to when it lasted, in seconds of the Unix epoch."""
    _parts: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def __call__(self, planned: Planned) -> None:
        """Break, wait, mend; return when what was broken serves again."""
        if planned.fault.startswith("kill "):
            began = time.time()
            await self.workers.kill(cast("Role", planned.fault.removeprefix("kill ")))
        else:
            async with AsyncExitStack() as held:
                for name in _parts_of(planned.fault):
                    await held.enter_async_context(self._parts[name])
                began = time.time()
                await self._break_and_mend(planned, random.Random(planned.seed))
        self.times.append((planned.fault, began, time.time()))
        self.workers.print_line(f"{planned.fault}: over after {time.time() - began:.1f} s")

    async def _break_and_mend(self, planned: Planned, rng: random.Random) -> None:
        match planned.fault.split()[0]:
            case "store" | "queue":
                await self._misbehave(planned, rng)
            case "postgres":
                await self._postgres(planned, rng)
            case "kafka":
                await self._kafka(planned, rng)
            case "old":
                await self._repeat(rng)
            case _:
                await self._others(planned, rng)

    async def _others(self, planned: Planned, rng: random.Random) -> None:
        match planned.fault:
            case "a second classifier joins and leaves":
                await self.workers.visit("classify", planned.lasts_seconds, ends_by_kill=rng.random() < 1 / 3)
            case "a classifier is frozen":
                await self._freeze("classify", planned.lasts_seconds, rng)
            case "a sink is frozen":
                await self._freeze("sink", planned.lasts_seconds, rng)
            case "retention takes unread uploads":
                async with self.workers.without("classify"):
                    self.workers.print_line(f"  retention took {await self.retention.overrun(rng)} messages")
            case "a folder is deleted before it is read":
                await self.troubles.deleted_folder(rng)
            case "single objects are never served":
                await self.troubles.refused(rng, of_one_user=False)
            case "one user's objects are never served":
                await self.troubles.refused(rng, of_one_user=True)
            case "hostile messages come":
                await self.troubles.hostile_messages(rng)
            case _:
                raise AssertionError(planned.fault)

    async def _freeze(self, role: Role, seconds: float, rng: random.Random) -> None:
        """Of the long ones every other one finds its work taken over by another process when it goes on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.workers.freeze(role, seconds))
            if seconds >= JOINING_SECONDS and rng.random() < 1 / 2:
                group.create_task(self.workers.visit(role, seconds, ends_by_kill=False))

    @stamina.retry(on=KafkaError, attempts=20)  # a cluster that has just come back is still choosing its leaders
    async def _repeat(self, rng: random.Random) -> None:
        found = [message.value or b"" for message in await self.world.events("image-uploads")]
        if messages := [body for body in found if len(body) <= REPEATED_MAX_BYTES]:
            await self.world.publish(*rng.choices(messages, k=REPEATED))

    async def _misbehave(self, planned: Planned, rng: random.Random) -> None:
        proxy = self.store if planned.fault.startswith("store") else self.queue
        match planned.fault:
            case "store answers 503" | "queue answers 503":
                proxy.behave(Answers(503, rng.choice(("SlowDown", "ServiceUnavailable"))))
            case "store forbids everything":
                proxy.behave(Answers(403, rng.choice(("AccessDenied", "AccessDenied", "ExpiredToken"))))
            case "store is slow":
                proxy.behave(Slow(SLOW_SECONDS))
            case "store cuts answers short":
                proxy.behave(CutShort())
            case "store refuses connections":
                proxy.refuse()
            case "queue delivers twice":
                proxy.behave(Twice())
            case "queue delivers out of order":
                proxy.behave(OutOfOrder(rng))
            case _:
                raise AssertionError(planned.fault)
        await asyncio.sleep(planned.lasts_seconds)
        proxy.mend()

    async def _postgres(self, planned: Planned, rng: random.Random) -> None:
        server = self.world.stack.postgres
        assert isinstance(server, Postgres)
        match planned.fault:
            case "postgres stops" | "postgres is killed":
                await asyncio.to_thread(server.stop if planned.fault == "postgres stops" else server.kill)
                await asyncio.sleep(planned.lasts_seconds)
                await asyncio.to_thread(server.start)
            case "postgres restarts":
                await asyncio.to_thread(server.restart, rng.choice(("fast", "immediate")))
            case "postgres only reads":
                self._only_read("ALTER DATABASE {} SET default_transaction_read_only = on")
                await asyncio.sleep(planned.lasts_seconds)
                self._only_read("ALTER DATABASE {} RESET default_transaction_read_only")
            case "postgres connections are cut":
                await self._cut(planned.lasts_seconds, rng)
            case "postgres tables are locked":
                await self._lock("LOCK TABLE classification_records, image_rejections", planned.lasts_seconds)
            case "postgres rows are locked":
                await self._lock("SELECT 1 FROM classification_records FOR UPDATE", planned.lasts_seconds)
            case _:
                raise AssertionError(planned.fault)

    def _only_read(self, statement: str) -> None:
        """Change the setting from another database, and end every session that has the old one, as a failover does."""
        name = self.world.env["DATABASE_NAME"]
        with psycopg.connect(self.world.stack.postgres.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.format(f'"{name}"').encode())
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    async def _cut(self, seconds: float, rng: random.Random) -> None:
        """Reset connections again and again, now and then only after the server has heard what the client will not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if rng.random() < 0.3:
                self.database.withhold_answers()
                await asyncio.sleep(0.3)
            self.database.cut()
            self.database.thaw()
            await asyncio.sleep(rng.uniform(0.02, 0.5))

    async def _lock(self, statement: str, seconds: float) -> None:
        async with await psycopg.AsyncConnection.connect(self.world.dsn) as connection:
            with suppress(psycopg.errors.DeadlockDetected):  # one of two had to give way, and it was this one
                await connection.execute(statement.encode())
                await asyncio.sleep(seconds)
            await connection.rollback()

    async def _kafka(self, planned: Planned, rng: random.Random) -> None:
        cluster = self.world.stack.kafka
        assert isinstance(cluster, ApacheKafka)
        if planned.fault == "kafka loses a leader":
            leader = await self._leader(rng)
            self.workers.print_line(f"  the leader is broker {leader}")
            await asyncio.to_thread(cluster.kill, leader)
        else:
            await asyncio.to_thread(cluster.stop if planned.fault == "kafka stops" else cluster.kill)
        await asyncio.sleep(planned.lasts_seconds)
        await asyncio.to_thread(cluster.start)

    @stamina.retry(on=KafkaError, attempts=20)
    async def _leader(self, rng: random.Random) -> int:
        """The leader of any partition of ours, or of one of those that keep the groups' offsets."""
        names = [self.world.prefix + topic for topic in TOPICS]
        admin = AIOKafkaAdminClient(bootstrap_servers=self.world.stack.kafka.bootstrap_servers)
        await admin.start()
        try:
            topics: list[dict[str, Any]] = await admin.describe_topics([*names, OFFSETS])
        finally:
            await admin.close()
        return int(rng.choice(rng.choice(topics)["partitions"])["leader"])


def _parts_of(fault: str) -> tuple[str, ...]:
    """What a fault breaks, or needs whole."""
    match fault.split():
        case ["retention", *_]:
            return "kafka", "classifiers"
        case ["old", *_]:
            return ("kafka",)
        case ["store" | "queue" | "kafka" | "postgres" as part, *_]:
            return (part,)
        case _:
            return ("classifiers",) if "classifier" in fault else ()
