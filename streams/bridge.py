"""
Step 0 of 7. SQS messages onto topic image-uploads, each deleted from the queue only after the broker confirmed it.

The body travels as it came: what it means is decided in one place, uploads.parse. Only what it skips whole (TestEvent,
removals, folders) ends here, and is counted. A message that no broker takes stays in the queue, for its redrive policy.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog

from streams import metrics, traceparent, tracing
from streams.batches import Batcher
from streams.outages import Outages
from streams.publisher import NOT_AN_OUTAGE, Publisher
from streams.queue import BATCH_SIZE, Queue, QueueMessage, QueueUnavailableError
from streams.retries import until_available
from streams.skipping import count_skipped
from streams.topics import IMAGE_UPLOADS
from streams.uploads import ImageUploaded, Skipped, parse, partition_key

POLLERS: Final = 2
"""Long polls at the same time: one request brings 10 messages, another is on its way while those are handled."""

ResultT = TypeVar("ResultT")

log = structlog.get_logger()


class Bridge:
    """
    Moves messages until it is stopped.

    Args:
        visibility_seconds: how long a message is ours; extended at a third of it while the message waits for Kafka.
        max_in_flight: messages taken and not yet deleted; no more are taken above it.
    """

    def __init__(
        self, queue: Queue, publisher: Publisher, outages: Outages, *, visibility_seconds: int, max_in_flight: int
    ) -> None:
        self._queue = queue
        self._publisher = publisher
        self._outages = outages
        self._visibility_seconds = visibility_seconds
        self._slots = asyncio.Semaphore(max_in_flight)
        self._ours: dict[str, QueueMessage] = {}
        self._deletions: Batcher[tuple[QueueMessage, str], None] = Batcher(
            self._delete, max_size=BATCH_SIZE, max_wait_seconds=0, lanes=POLLERS
        )
        self.forwarded = 0
        """How many messages have been dealt with, ever: the watchdog's measure of progress."""

    @property
    def pending(self) -> int:
        """Messages taken and not yet dealt with."""
        return len(self._ours)

    async def run(self, stop: asyncio.Event) -> None:
        """Move messages until ``stop`` is set and what was taken is dealt with (the caller bounds that)."""
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._deletions.serve()), group.create_task(self._keep_invisible())]
            async with asyncio.TaskGroup() as pollers:
                for _ in range(POLLERS):
                    pollers.create_task(self._poll(stop))
            for keeper in keepers:
                keeper.cancel()

    async def _poll(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as forwarding:
            while not stop.is_set():
                async with self._slots:  # above the bound, wait before asking for more
                    pass
                for message in await self._available(self._queue.receive):
                    await self._slots.acquire()
                    self._ours[message.receipt] = message
                    forwarding.create_task(self._forward(message))

    async def _forward(self, message: QueueMessage) -> None:
        try:
            outcome = await self._publish(message)
            if outcome != "failed":
                await self._deletions.submit((message, outcome))
            metrics.QUEUE_MESSAGES.labels(outcome).inc()
            self.forwarded += 1
        finally:
            del self._ours[message.receipt]
            self._slots.release()

    async def _publish(self, message: QueueMessage) -> str:
        body = message.body.encode()
        uploads = parse(body)
        skipped = [upload for upload in uploads if isinstance(upload, Skipped)]
        if len(skipped) == len(uploads):  # else the classifier counts them: the message travels whole
            for each in skipped:
                count_skipped(each)
            return "skipped"
        carried = traceparent.parse(message.traceparent) if message.traceparent else None
        named = [upload for upload in uploads if isinstance(upload, ImageUploaded)]
        with tracing.within(carried, "forward", of=named[0] if len(named) == 1 else None):
            try:
                with tracing.span("publish"):
                    await self._publisher.publish(
                        IMAGE_UPLOADS, key=partition_key(uploads), value=body, headers=tracing.headers()
                    )
            except NOT_AN_OUTAGE as error:
                log.error("message.refused", id=message.id, bytes=len(body), error=str(error))  # noqa: TRY400 - no traceback: the fault is the message's
                return "failed"
        return "published"

    async def _delete(self, settled: Sequence[tuple[QueueMessage, str]]) -> list[None]:
        messages = [message for message, _ in settled]
        began = time.monotonic()
        await self._available(lambda: self._queue.delete(messages))
        milliseconds = round((time.monotonic() - began) * 1000, 1)
        outcomes = Counter(outcome for _, outcome in settled)
        log.info("batch.forwarded", messages=len(messages), milliseconds=milliseconds, **outcomes)
        return [None] * len(settled)

    async def _keep_invisible(self) -> None:
        """While Kafka is away, messages wait here; without this they would reappear and be taken twice."""
        while True:
            await asyncio.sleep(self._visibility_seconds / 3)
            ours = list(self._ours.values())
            for start in range(0, len(ours), BATCH_SIZE):
                batch = ours[start : start + BATCH_SIZE]
                try:
                    await self._queue.extend(batch, self._visibility_seconds)
                except QueueUnavailableError as error:  # the worst is a duplicate
                    log.warning("visibility.not_extended", messages=len(batch), error=str(error))

    async def _available(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        return await until_available(call, on=QueueUnavailableError, component="queue", outages=self._outages)
