"""
Publishes SQS messages to topic image-uploads. Deletes each from the queue after the broker confirmed it.

The body is published unchanged; notifications.upload.parse interprets it. Messages that it skips as a whole (TestEvent,
removals, folders) end here, and are counted. A message that the broker refuses stays in the queue, for its redrive
policy.
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
from streams.kafka.publisher import MESSAGE_TOO_LARGE, Publisher
from streams.notifications.upload import ImageUploaded, Skipped, parse, partition_key
from streams.runtime import metrics, tracing
from streams.runtime.outages import Outages
from streams.runtime.progress import Progress
from streams.runtime.retries import until_available

POLLERS: Final = 2
"""Concurrent long polls: while the 10 messages of one are handled, the next poll runs."""

DELETION_PAUSES_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Pauses after deletions that failed for part of a batch. Other batches are deleted meanwhile."""
EXTENSIONS: Final = 3
"""Attempts per round at extending the visibility timeout."""
PAUSE_SHARE: Final = 30
"""The pause between the attempts is this fraction of the visibility timeout: 2 s of 60 s."""

ResultT = TypeVar("ResultT")

log = structlog.get_logger()


class Bridge:
    """
    Moves messages from the queue to Kafka.

    Args:
        visibility_seconds: the visibility timeout; extended each third of it while a message waits for Kafka.
        max_in_flight: most messages received and not yet deleted.
    """

    def __init__(
        self, queue: Queue, publisher: Publisher, outages: Outages, *, visibility_seconds: int, max_in_flight: int
    ) -> None:
        self._queue = queue
        self._publisher = publisher
        self._outages = outages
        self._visibility_seconds = visibility_seconds
        self._slots = asyncio.Semaphore(max_in_flight)
        self._in_flight: dict[str, QueueMessage] = {}
        self._deletions: Batcher[tuple[QueueMessage, str], None] = Batcher(
            self._delete, max_size=BATCH_SIZE, max_wait_seconds=0, concurrency=POLLERS
        )
        self.forwarded = 0
        """Messages settled since the start: the watchdog's measure of progress."""

    @property
    def pending(self) -> int:
        """Messages received and not yet settled."""
        return len(self._in_flight)

    def progress(self) -> Progress:
        """For health: whether the work moves."""
        return Progress(pending=lambda: self.pending, done=lambda: self.forwarded)

    async def run(self, stop: asyncio.Event) -> None:
        """Move messages until ``stop`` is set; then settle those in flight. The caller bounds that time."""
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
                async with self._slots:  # at the bound, wait before polling
                    pass
                for message in await self._available(self._queue.receive):
                    await self._slots.acquire()
                    self._in_flight[message.receipt] = message
                    forwarding.create_task(self._forward(message))

    async def _forward(self, message: QueueMessage) -> None:
        try:
            outcome = await self._publish(message)
            if outcome != "failed":
                await self._deletions.submit((message, outcome))
            metrics.QUEUE_MESSAGES.labels(outcome).inc()
            self.forwarded += 1
        finally:
            del self._in_flight[message.receipt]
            self._slots.release()

    async def _publish(self, message: QueueMessage) -> str:
        body = message.body.encode(errors="surrogatepass")  # SQS refuses lone surrogates, other queues may not
        uploads = parse(body)
        skipped = [upload for upload in uploads if isinstance(upload, Skipped)]
        if len(skipped) == len(uploads):  # else the classifier counts them, since the message is published whole
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
            except MESSAGE_TOO_LARGE as error:
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
            log.warning("messages.not_deleted", messages=len(left))  # they are delivered again, with the same outcomes
        milliseconds = round((time.monotonic() - began) * 1000, 1)
        outcomes = Counter(outcome for _, outcome in settled)
        log.info("batch.forwarded", messages=len(messages), milliseconds=milliseconds, **outcomes)
        return [None] * len(settled)

    async def _keep_invisible(self) -> None:
        """Extend the visibility of messages that wait for Kafka; otherwise they would be received twice."""
        while True:
            await asyncio.sleep(self._visibility_seconds / 3)
            messages = list(self._in_flight.values())
            for start in range(0, len(messages), BATCH_SIZE):
                await self._extend(messages[start : start + BATCH_SIZE])

    async def _extend(self, messages: Sequence[QueueMessage]) -> None:
        """Try up to EXTENSIONS times, in the two thirds of the visibility timeout that are left."""
        left, error = messages, "the queue refused the extension"
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
