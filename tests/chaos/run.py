"""Uploads, breaks, mends, waits, and settles the account."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from deploy.local.kafka import ApacheKafka
from deploy.local.pipeline import Role, Worker
from deploy.local.postgres import Postgres
from tests.chaos.account import Account, Expected, settle
from tests.chaos.plan import Fault, Upload, faults
from tests.world import World

ROLES: Final[tuple[Role, ...]] = ("bridge", "classify", "sink")

ROWS = """
SELECT o.source_key, o.outcome, o.reason, coalesce(c.source_version_id, r.source_version_id) AS source_version_id
  FROM image_outcomes o
  LEFT JOIN classification_records c ON c.id = o.id AND o.outcome <> 'rejected'
  LEFT JOIN image_rejections r ON r.id = o.id AND o.outcome = 'rejected'
"""


@dataclass
class Chaos:
    """One run in a world of its own. ``tell`` is told what happens."""

    world: World
    seed: int
    tell: Callable[[str], None] = lambda _line: None
    expected: dict[str, Expected] = field(default_factory=dict)
    versions: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    roles: dict[Role, Worker] = field(default_factory=dict)

    async def run(self, uploads: list[Upload], *, fault_count: int, pause_seconds: float) -> Account:
        """Upload everything while so many faults happen, one every ``pause_seconds``; then wait and compare."""
        for role in ROLES:
            self.start(role)
        uploading = threading.Thread(target=self.upload, args=(uploads, fault_count * pause_seconds), name="upload")
        uploading.start()
        rng = random.Random(self.seed + 2)
        for _, fault in zip(range(fault_count), faults(self.seed), strict=False):
            await asyncio.sleep(rng.uniform(0.5, 1.5) * pause_seconds)
            self.tell(fault)
            await self.break_and_mend(fault, rng)
        uploading.join()
        self.tell("all is mended; waiting for what is still on its way")
        self.wait()
        published = len(await self.world.events("image-classifications")) + len(
            await self.world.events("image-rejections")
        )
        letters = len(await self.world.events("storage-dead-letters"))
        rows = self.world.rows(ROWS)
        return settle(self.expected, self.versions, rows, published=published, dead_letters=letters)

    def start(self, role: Role) -> None:
        """Start a role's process, without waiting for it."""
        (self.roles[role],) = self.world.start(role, wait=False)

    def upload(self, uploads: list[Upload], seconds: float) -> None:
        """Upload everything, spread over the time of the faults."""
        for upload in uploads:
            answer = self.world.stack.objects.s3.put_object(Bucket=self.world.bucket, Key=upload.key, Body=upload.data)
            self.expected[upload.key] = Expected(answer["VersionId"], upload.outcome)
            self.versions += 1
            time.sleep(seconds / len(uploads))

    async def break_and_mend(self, fault: Fault, rng: random.Random) -> None:
        """One fault, from its beginning to its end."""
        stack = self.world.stack
        match fault:
            case "kill bridge" | "kill classify" | "kill sink":
                role = cast("Role", fault.removeprefix("kill "))
                self.roles[role].process.kill()
                self.world.workers.remove(self.roles[role])
                self.kills[role] += 1
                self.start(role)
            case "second classifier joins and leaves":
                (second,) = self.world.start("classify")
                await asyncio.sleep(rng.uniform(1, 4))
                self.world.workers.remove(second)
                second.process.stop(30)
            case "postgres stops" | "postgres is killed":
                assert isinstance(stack.postgres, Postgres)
                (stack.postgres.stop if fault == "postgres stops" else stack.postgres.kill)()
                await asyncio.sleep(rng.uniform(1, 6))
                stack.postgres.start()
            case "kafka is killed":
                assert isinstance(stack.kafka, ApacheKafka)
                stack.kafka.kill()
                stack.kafka.start()
            case "old notifications come again":
                messages = [message.value for message in await self.world.events("image-uploads")]
                await self.world.publish(*rng.choices(messages, k=min(30, len(messages))) if messages else [])

    def wait(self) -> None:
        """Return once every object's newest version is in the tables; the account tells if that never happens."""
        deadline = time.monotonic() + 240

        def arrived() -> bool:
            found = {row["source_key"]: row["source_version_id"] for row in self.world.rows(ROWS)}
            return all(found.get(key) == wanted.version_id for key, wanted in self.expected.items())

        while not arrived() and time.monotonic() < deadline:
            for role, worker in self.roles.items():
                if worker.process.poll() not in (None, -9):
                    self.tell(f"{role} ended by itself: {worker.process.log_tail()[-500:]}")
                    self.start(role)  # as any supervisor would
            time.sleep(0.5)
