"""The end of a run: waits until all is stored and acknowledged, and has reconcile find what retention took."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.contracts.topics import READ_BY
from streams.runtime.health import NO_PROGRESS_SECONDS
from tests.chaos.account import Expected
from tests.chaos.ledger import Ledger
from tests.world import World

NO_NEWS_SECONDS: Final = NO_PROGRESS_SECONDS + 90.0
"""
So long without another object arriving in the tables, and it is taken to be lost. Longer than a process may stand still
before its liveness has it restarted, which is how a production would go on, too.
"""
LOOK_SECONDS: Final = 0.3
SHOWN: Final = 20
PARTITIONS: Final = 3
"""Of each topic of a world."""
SILENCE_SECONDS: Final = 30.0
"""So long without news, and what each process says of itself is told, for whoever looks for the cause."""
ROWS: Final = """
SELECT o.source_key, o.outcome, o.reason,
       coalesce(c.source_version_id, r.source_version_id) AS source_version_id,
       coalesce(c.source_etag, r.source_etag) AS source_etag
  FROM image_outcomes o
  LEFT JOIN classification_records c ON c.id = o.id AND o.outcome <> 'rejected'
  LEFT JOIN image_rejections r ON r.id = o.id AND o.outcome = 'rejected'
UNION ALL
SELECT 'message ' || id, 'rejected', reason, NULL, NULL FROM image_rejections WHERE source_key IS NULL
"""
"""Each outcome; messages that name no object are called by the id of their rejection, see hostile.key_of."""


@dataclass(frozen=True, slots=True)
class Settling:
    """Of one run. ``quiet_seconds``: so long may pass without news because uploads wait for their next attempt."""

    world: World
    ledger: Ledger
    print_line: Callable[[str], None]
    quiet_seconds: float = 0.0

    async def wait(self, *, without_taken: bool = False) -> int:
        """
        Return once all is in the tables and acknowledged, or nothing has moved for a long time; the account tells.

        Args:
            without_taken: do not wait for what retention took.

        Returns:
            How many messages the groups have not committed.
        """
        before: Any = None
        moved, has_told = time.monotonic(), False
        while True:
            missing = self._missing(without_taken=without_taken)
            queued = self.world.left_in_queue()
            behind = -1 if missing or queued else await self.behind()
            if not missing and not queued and not behind:
                return behind
            now = (len(missing), queued, behind)
            if now != before:
                before, moved, has_told = now, time.monotonic(), False
            silence = time.monotonic() - moved
            if silence > SILENCE_SECONDS + self.quiet_seconds and not has_told:
                has_told = True
                self._report_stall(missing, queued, behind)
            if silence > NO_NEWS_SECONDS + self.quiet_seconds:
                return await self.behind()
            await asyncio.sleep(LOOK_SECONDS)

    async def reconcile(self, *buckets: str) -> list[str]:
        """
        Have everything enqueued that has no outcome, as a person would.

        Returns:
            What was found besides what retention took: lost, and nobody would have known.
        """
        taken = {key for key, _ in self.ledger.taken}
        # What a store lists and does not find is asked for again each time.
        missing = {key for key, wanted in self.ledger.expected().items() if wanted.outcome == "missing"}
        strangers = []
        for bucket, found in zip(buckets, await asyncio.gather(*map(self._reconcile, buckets)), strict=True):
            self.print_line(f"reconcile found {len(found)} objects in {bucket}")
            strangers += [f"{each['key']}: {each['verdict']}" for each in found if each["key"] not in taken | missing]
        self.ledger.take(version.identity for version in self.ledger.versions if version.key in missing)
        return strangers

    async def behind(self) -> int:
        """How many messages the consumer groups have not committed."""
        return sum(await asyncio.gather(*(self._behind(group, topics) for group, topics in READ_BY.items())))

    async def _behind(self, group: str, topics: Sequence[str]) -> int:
        partitions = [TopicPartition(self.world.prefix + topic, each) for topic in topics for each in range(PARTITIONS)]
        async with AIOKafkaConsumer(
            bootstrap_servers=self.world.stack.kafka.bootstrap_servers,
            group_id=self.world.prefix + group,
            enable_auto_commit=False,
        ) as consumer:
            consumer.assign(partitions)
            ends, begins = await consumer.end_offsets(partitions), await consumer.beginning_offsets(partitions)
            return sum([ends[p] - max(await consumer.committed(p) or 0, begins[p]) for p in partitions])

    def _missing(self, *, without_taken: bool) -> list[str]:
        """What is not stored yet, and what is in its place."""
        found = {row["source_key"]: row for row in self.world.rows(ROWS)}
        return [
            f"{wanted}, and there is {found.get(key)}, of {key}"
            for key, wanted in self.ledger.expected().items()
            if not _is_there(found.get(key), wanted) and not (without_taken and wanted.is_any_version)
        ]

    async def _reconcile(self, bucket: str) -> list[Mapping[str, Any]]:
        command = [sys.executable, "-m", "streams.cli", "reconcile", f"s3://{bucket}/"]
        process = self.world.stack.spawn(
            f"reconcile-{bucket}", [*command, "--enqueue", "--grace", "0", "--rate", "0", "--json"], self.world.env
        )
        status = await asyncio.to_thread(process.wait, 120)
        told = process.log_path.read_text(encoding="utf-8")
        if status not in {0, 1}:
            raise RuntimeError(f"reconcile ended with status {status}: {told[-2000:]}")
        lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        return [line for line in lines if "verdict" in line]

    def _report_stall(self, missing: list[str], queued: int, behind: int) -> None:
        self.print_line(
            f"nothing moves: {len(missing)} objects missing, {queued} notifications queued, {behind} behind"
        )
        for text in missing[:SHOWN]:
            self.print_line(f"  {text}")
        for worker in self.world.workers:
            self.print_line(f"{worker.role} {worker.health()}\n{worker.process.log_tail(40)}")


def _is_there(row: Mapping[str, Any] | None, wanted: Expected) -> bool:
    """Whether the row is that of the newest version, whatever it says."""
    if row is None:
        return wanted.may_be_absent
    return bool(
        wanted.is_any_version or (row["source_version_id"], row["source_etag"]) == (wanted.version_id, wanted.etag)
    )
