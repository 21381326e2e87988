"""
Step 0 of 7. SQS messages onto topic image-uploads, each deleted from the queue only after the broker confirmed it.

The body travels as it came: what it means is decided in one place, uploads.parse. Only what it skips whole (TestEvent,
removals, folders) ends here, and is counted. A message that no broker takes stays in the queue, for its redrive policy.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog

from streams.bridge.sqs import BATCH_SIZE, Queue, QueueMessage, QueueUnavailableError
from streams.consumer.batches import Batcher
from streams.consumer.skipping import count_skipped
from streams.contracts import traceparent
from streams.contracts.topics import IMAGE_UPLOADS
from streams.kafka.publisher import NOT_AN_OUTAGE, Publisher
from streams.notifications.upload import ImageUploaded, Skipped, parse, partition_key
from streams.runtime import metrics, tracing
from streams.runtime.outages import Outages
from streams.runtime.progress import Progress
from streams.runtime.retries import until_available

POLLERS: Final = 2
"""Long polls at the same time: one request brings 10 messages, another is on its way while those are handled."""

DELETION_PAUSES_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 4.0)
"""After each deletion that failed for some messages of a batch. Others are deleted meanwhile, by another lane."""
EXTENSIONS: Final = 3
"""Attempts at keeping a message invisible, each round."""
PAUSE_SHARE: Final = 30
"""The pause between them is so small a part of the visibility: 2 s of a minute."""

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

    def progress(self) -> Progress:
        """For health: whether the work moves."""
        return Progress(pending=lambda: self.pending, done=lambda: self.forwarded)

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
        body = message.body.encode(errors="surrogatepass")  # Amazon takes no lone surrogates, other queues do
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
        left: Sequence[QueueMessage] = messages
        for pause in DELETION_PAUSES_SECONDS:
            left = await self._available(partial(self._queue.delete, left))
            if not left:
                break
            await asyncio.sleep(pause)
        else:
            log.warning("messages.not_deleted", messages=len(left))  # they come again, and their outcomes are the same
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
                await self._extend(ours[start : start + BATCH_SIZE])

    async def _extend(self, messages: Sequence[QueueMessage]) -> None:
        """A few times while there is time: two thirds of the visibility are left. The worst is a duplicate."""
        left, error = messages, "the queue failed on them"
        for _ in range(EXTENSIONS):
            try:
                left = await self._queue.extend(left, self._visibility_seconds)
            except QueueUnavailableError as unavailable:
                error = str(unavailable)
            if not left:
                return
            await asyncio.sleep(self._visibility_seconds / PAUSE_SHARE)
        log.warning("visibility.not_extended", messages=len(left), error=error)

    async def _available(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        return await until_available(call, on=QueueUnavailableError, component="queue", outages=self._outages)
