"""Uploads, breaks, mends, waits, and settles the account."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from streams.contracts.topics import IMAGE_UPLOADS, RETRY_TOPICS, STORAGE_DEAD_LETTERS
from streams.kafka import record_batches
from tests.chaos.account import settle
from tests.chaos.breaking import Breaking
from tests.chaos.clock import Clock
from tests.chaos.contents import ENGINE
from tests.chaos.faults import Planned, is_shared
from tests.chaos.history import compare
from tests.chaos.ledger import Ledger
from tests.chaos.plan import Upload
from tests.chaos.published import RESULTS, arrivals, by_key, parked, result
from tests.chaos.refusals import REFUSALS
from tests.chaos.report import Report
from tests.chaos.retention import Retention
from tests.chaos.settling import ROWS, Settling
from tests.chaos.storing import Storing
from tests.chaos.troubles import Troubles
from tests.chaos.uploading import Uploading
from tests.chaos.waits import Trouble, waits
from tests.chaos.watching import Watching
from tests.chaos.workers import ROLES, Workers
from tests.http_faults import HttpFaults
from tests.proxy import TcpProxy
from tests.world import World

__all__ = ["ROLES", "ROWS", "Chaos"]

THREADS: Final = 32
FIRST: Final = 30
"""So many pictures, uploaded at once while all is well, tell how long one takes on this machine."""
UPLOADS_LAST: Final = 1.1
"""Times as long as the plan, which may be late."""
FIRST_SECONDS: Final = 60.0
"""How long they may take."""


@dataclass
class Chaos:
    """
    One run in a world of its own. ``print_line`` is called with each line of progress.

    Args:
        crowd: how many objects one user uploads and deletes; half as many are refused at a time.
        delays: of the retry topics, in seconds. Two must last longer than the store forbids everything.
        window_seconds: how long what is never served is tried again. Longer than any outage.
        queue: see Watching.
    """

    world: World
    seed: int
    print_line: Callable[[str], None] = lambda _line: None
    crowd: int = 40
    delays: tuple[float, float, float] = (20, 40, 40)
    window_seconds: float = 130.0
    queue: int = 100
    _ledger: Ledger = field(default_factory=Ledger)

    async def run(self, uploads: Sequence[Upload], plan: Sequence[Planned]) -> Report:
        """Upload everything while the faults of the plan happen; then wait and compare."""
        stack = self.world.stack
        record_batches.install()  # what is hostile to a consumer is read here, too
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))  # each fault may block one
        storing = Storing(self.world)
        storing.create()
        pets = list({upload.data: (upload.data, upload.outcome) for upload in uploads if _is_pet(upload)}.values())
        troubles = Troubles(self.world, storing, self._ledger, pets, self.crowd)
        with ExitStack() as parts:
            store = parts.enter_context(HttpFaults(stack.objects.endpoint_url or ""))
            queue = parts.enter_context(HttpFaults(stack.objects.endpoint_url or ""))
            database = parts.enter_context(TcpProxy(stack.postgres.host, stack.postgres.port))
            for mark, (behaviour, _) in REFUSALS.items():
                store.always(mark, behaviour)
            env = {
                "S3_ENDPOINT_URL": store.url,
                "SQS_ENDPOINT_URL": queue.url,
                "DATABASE_HOST": database.host,
                "DATABASE_PORT": str(database.port),
                "ENGINE": ENGINE,
                "RETRY_DELAYS": ",".join(map(str, self.delays)),
                "RETRY_MAX_HOURS": str(self.window_seconds / 3600),
            }
            workers = Workers(self.world, env, self.print_line)
            await workers.start_all()
            watching = Watching(self.world, self._ledger, self.queue)
            beside = [asyncio.create_task(work) for work in (workers.supervise(), watching.run())]
            retention = Retention(self.world, troubles)
            breaking = Breaking(self.world, workers, store, queue, database, troubles, retention)
            try:
                return await self._run(uploads, plan, breaking, watching)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.to_thread(self.world.stop)  # before the proxies go

    async def _run(
        self, uploads: Sequence[Upload], plan: Sequence[Planned], breaking: Breaking, watching: Watching
    ) -> Report:
        began = time.monotonic()
        pace = await self._pace(uploads[:FIRST], breaking.troubles.storing, watching)
        self.print_line(f"a picture takes {pace * 1000:.0f} ms")
        await self._break(uploads[FIRST:], plan, breaking, watching)
        self.print_line("all is uploaded and mended; waiting for what is still on its way")
        settling = Settling(self.world, self._ledger, self.print_line, max(self.delays))
        behind = await settling.wait(without_taken=True)
        strangers: list[str] = []
        if self._ledger.taken:
            strangers = await settling.reconcile(*breaking.troubles.storing.buckets)
            behind = await settling.wait()
        self.print_line("comparing")
        return await self._report(began, breaking, pace, behind=behind, found_by_reconcile=strangers)

    async def _pace(self, uploads: Sequence[Upload], storing: Storing, watching: Watching) -> float:
        """Seconds from one result to the next while many wait and nothing is broken."""
        await asyncio.to_thread(Uploading(self._upload_to(storing)).run, uploads, 0.0, Clock())
        give_up = time.monotonic() + FIRST_SECONDS
        while watching.waiting() and time.monotonic() < give_up:
            await asyncio.sleep(0.1)
        times = sorted(watching.answered.values())
        return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else FIRST_SECONDS

    async def _break(
        self, uploads: Sequence[Upload], plan: Sequence[Planned], breaking: Breaking, watching: Watching
    ) -> None:
        """What strikes in calm begins when all else is mended, and has its time for itself: the plan is late then."""
        clock, running, late = Clock(), set[asyncio.Task[None]](), 0.0
        seconds = UPLOADS_LAST * plan[-1].at_seconds if plan else 0.0
        uploading = Uploading(self._upload_to(breaking.troubles.storing), watching.turn)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(uploading.run, uploads, seconds, clock))
            for planned in plan:
                await clock.reach(late + planned.at_seconds - planned.calm_seconds)
                if planned.calm_seconds and running:
                    clock.stop()
                    await asyncio.wait(running)
                    clock.go()
                await clock.reach(late + planned.at_seconds)
                self.print_line(f"{planned.fault}, {planned.lasts_seconds:.0f} s")
                task = group.create_task(breaking(planned))
                running.add(task)
                task.add_done_callback(running.discard)
                if planned.calm_seconds:
                    began = clock.now()
                    await asyncio.wait([task])
                    late += clock.now() - began

    async def _report(
        self, began: float, breaking: Breaking, pace: float, *, behind: int, found_by_reconcile: list[str]
    ) -> Report:
        versions, taken = self._ledger.versions, self._ledger.taken
        under = by_key(versions)
        uploads, letters, *others = await asyncio.gather(
            *map(self.world.events, (IMAGE_UPLOADS, STORAGE_DEAD_LETTERS, *RESULTS, *RETRY_TOPICS))
        )
        events = [result(message) for messages in others[: len(RESULTS)] for message in messages]
        retries = [message for messages in others[len(RESULTS) :] for message in messages]
        return Report(
            seed=self.seed,
            seconds=time.monotonic() - began,
            tables=settle(
                self._ledger.expected(),
                len(versions),
                self.world.rows(ROWS),
                published=len(events),
                taken=len(taken),
                dead_letters=len(letters),
            ),
            history=compare(versions, events, taken),
            waits=waits(
                versions,
                events,
                arrivals(uploads, under) | breaking.retention.arrivals,
                [Trouble(fault, begin, end, is_shared(fault)) for fault, begin, end in breaking.times],
                parked(retries, under, self.delays),
                pace_seconds=pace,
                taken=taken,
            ),
            taken=len(taken),
            found_by_reconcile=found_by_reconcile,
            left_in_queue=self.world.left_in_queue() + self._given_up(),
            unacknowledged=behind,
            faults=Counter(fault for fault, _, _ in breaking.times if not fault.startswith("kill ")),
            kills=breaking.workers.kills,
            ended=breaking.workers.ended,
        )

    def _upload_to(self, storing: Storing) -> Callable[[Upload], None]:
        def upload(each: Upload) -> None:
            self._ledger.uploaded(each.key, *storing.put(each.key, each.data), each.outcome)

        return upload

    def _given_up(self) -> int:
        """Notifications that the queue's redrive policy put aside."""
        answer = self.world.stack.objects.sqs.get_queue_attributes(
            QueueUrl=f"{self.world.queue_url}-dead-letters", AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _is_pet(upload: Upload) -> bool:
    return upload.outcome in {"cat", "dog"}
