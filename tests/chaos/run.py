"""Uploads, breaks, mends, waits, and settles the account."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from streams.contracts import decode_classified, decode_rejected
from streams.health import NO_PROGRESS_SECONDS
from streams.topics import BULK_GROUP, CLASSIFIER_GROUP, SINK_GROUP
from tests.chaos.account import settle
from tests.chaos.breaking import Breaking
from tests.chaos.contents import ENGINE
from tests.chaos.faults import Planned
from tests.chaos.history import Event, compare, stalls
from tests.chaos.plan import Upload
from tests.chaos.report import Report
from tests.chaos.uploading import Uploading
from tests.chaos.workers import ROLES, Workers
from tests.http_faults import HttpFaults
from tests.proxy import TcpProxy
from tests.world import World

__all__ = ["ROLES", "ROWS", "Chaos"]

NO_NEWS_SECONDS: Final = NO_PROGRESS_SECONDS + 90.0
"""
So long without another object arriving in the tables, and it is taken to be lost. Longer than a process may stand still
before its liveness has it restarted, which is how a production would go on, too.
"""
LOOK_SECONDS: Final = 0.3
SILENCE_SECONDS: Final = 30.0
"""So long without news, and what each process says of itself is told, for whoever looks for the cause."""
THREADS: Final = 32

ROWS = """
SELECT o.source_key, o.outcome, o.reason,
       coalesce(c.source_version_id, r.source_version_id) AS source_version_id,
       coalesce(c.source_etag, r.source_etag) AS source_etag
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

    async def run(self, uploads: Sequence[Upload], plan: Sequence[Planned]) -> Report:
        """Upload everything while the faults of the plan happen; then wait and compare."""
        stack = self.world.stack
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))  # each fault may block one
        with ExitStack() as parts:
            store = parts.enter_context(HttpFaults(stack.objects.endpoint_url or ""))
            queue = parts.enter_context(HttpFaults(stack.objects.endpoint_url or ""))
            database = parts.enter_context(TcpProxy(stack.postgres.host, stack.postgres.port))
            env = {
                "S3_ENDPOINT_URL": store.url,
                "SQS_ENDPOINT_URL": queue.url,
                "DATABASE_HOST": database.host,
                "DATABASE_PORT": str(database.port),
                "ENGINE": ENGINE,
            }
            workers = Workers(self.world, env, self.tell)
            await workers.start_all()
            supervising = asyncio.create_task(workers.supervise())
            try:
                return await self._run(uploads, plan, Breaking(self.world, workers, store, queue, database))
            finally:
                supervising.cancel()
                await asyncio.to_thread(self.world.stop)  # before the proxies go

    async def _run(self, uploads: Sequence[Upload], plan: Sequence[Planned], breaking: Breaking) -> Report:
        began, uploading = time.monotonic(), Uploading(self._put)
        seconds = plan[-1].at_seconds if plan else 0.0
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(uploading.run, uploads, seconds))
            for planned in plan:
                await asyncio.sleep(max(0.0, began + planned.at_seconds - time.monotonic()))
                self.tell(f"{planned.fault}, {planned.lasts_seconds:.0f} s")
                group.create_task(breaking(planned))
        self.tell("all is uploaded and mended; waiting for what is still on its way")
        behind = await self._wait(uploading)
        self.tell("comparing")
        events = [
            event for topic in ("image-classifications", "image-rejections") for event in await self._events(topic)
        ]
        expected, versions = uploading.expected, uploading.versions
        letters = len(await self.world.events("storage-dead-letters"))
        return Report(
            seed=self.seed,
            seconds=time.monotonic() - began,
            tables=settle(expected, len(versions), self.world.rows(ROWS), published=len(events), dead_letters=letters),
            history=compare(versions, events),
            stalls=stalls(versions, events, [(begin, end) for _, begin, end in breaking.times]),
            left_in_queue=self.world.left_in_queue() + self._given_up(),
            unacknowledged=behind,
            faults=Counter(fault for fault, _, _ in breaking.times if not fault.startswith("kill ")),
            kills=breaking.workers.kills,
            ended=breaking.workers.ended,
        )

    def _put(self, key: str, data: bytes) -> tuple[str, str]:
        answer = self.world.stack.objects.s3.put_object(Bucket=self.world.bucket, Key=key, Body=data)
        return answer["VersionId"], answer["ETag"].strip('"')

    def _given_up(self) -> int:
        """Notifications that the queue's redrive policy put aside."""
        answer = self.world.stack.objects.sqs.get_queue_attributes(
            QueueUrl=f"{self.world.queue_url}-dead-letters", AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    async def _wait(self, uploading: Uploading) -> int:
        """
        Return once all is in the tables and acknowledged, or nothing has moved for a long time; the account tells.

        Returns:
            How many messages the groups have not committed.
        """
        before: Any = None
        moved, has_told = time.monotonic(), False
        while True:
            found = {row["source_key"]: row["source_version_id"] for row in self.world.rows(ROWS)}
            missing = sum(found.get(key) != wanted.version_id for key, wanted in uploading.expected.items())
            queued = self.world.left_in_queue()
            behind = -1 if missing or queued else await self._behind()
            if not missing and not queued and not behind:
                return behind
            now = (len(found), missing, queued, behind)
            if now != before:
                before, moved, has_told = now, time.monotonic(), False
            silence = time.monotonic() - moved
            if silence > SILENCE_SECONDS and not has_told:
                has_told = True
                self.tell(f"nothing moves: {missing} objects missing, {queued} notifications queued, {behind} behind")
                for worker in self.world.workers:
                    self.tell(f"{worker.role} {worker.health()}\n{worker.process.log_tail(40)}")
            if silence > NO_NEWS_SECONDS:
                return await self._behind()
            await asyncio.sleep(LOOK_SECONDS)

    async def _behind(self) -> int:
        """How many messages the consumer groups have not committed."""
        read = {
            CLASSIFIER_GROUP: ("image-uploads",),
            BULK_GROUP: ("image-uploads-bulk",),
            SINK_GROUP: ("image-classifications", "image-rejections"),
        }
        behind = 0
        for group, topics in read.items():
            for topic in topics:
                committed = await self.world.committed(group, topic)
                behind += len(await self.world.events(topic)) - sum(committed.values())
        return behind

    async def _events(self, topic: str) -> list[Event]:
        found = []
        for message in await self.world.events(topic):
            at = message.timestamp / 1000
            if topic == "image-classifications":
                label = decode_classified(message.value)
                found.append(Event(label.key, label.version_id, label.etag, label.classification, at))
            else:
                why = decode_rejected(message.value)
                found.append(Event(why.key, why.version_id, why.etag, why.reason, at))
        return found
