"""The sink's Faust agent: takes outcomes, stores a row or publishes a dead letter for each, then acknowledges."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from persistence.errors import PermanentPersistenceError, RowLockedError
from streams import contracts
from streams.consumer.acknowledgement import Delivery
from streams.consumer.batches import Batcher
from streams.consumer.faust_app import message_headers
from streams.consumer.intake import Intake
from streams.contracts import ImageClassified, ImageRejected, StorageDeadLetter, cloudevents, traceparent
from streams.contracts.identity import message_id
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, STORAGE_DEAD_LETTERS
from streams.kafka.publisher import MESSAGE_TOO_LARGE, Publisher
from streams.runtime import metrics, tracing
from streams.runtime.excerpts import KEPT_BYTES, RESULT_MAX_BYTES, TEXT_CHARS, excerpt
from streams.runtime.outages import Outages
from streams.runtime.retries import until_available
from streams.sink.batch_upsert import RowResult
from streams.sink.consecutive_failures import ConsecutiveFailures, ConsecutiveFailuresError, UnforeseenError
from streams.sink.rows import Record, record_of

LOCKED_SECONDS: Final = 1.0
"""Pause before a locked row is tried again."""

log = structlog.get_logger()


class SinkAgent:
    """The body of the sink's agent."""

    def __init__(
        self,
        batcher: Batcher[Record, RowResult],
        publisher: Publisher,
        intake: Intake,
        outages: Outages,
    ) -> None:
        self._batcher = batcher
        self._publisher = publisher
        self._intake = intake
        self._outages = outages
        self._failures = ConsecutiveFailures()

    async def run(self, stream: Any) -> None:
        """
        Consume events until cancelled; events that arrive together are written in one batch.

        An event that fails, in whatever way, becomes a dead letter. While all events fail, the sink waits.
        """
        await self._intake.run(stream, self._batcher, self._deliver)

    async def _deliver(self, delivery: Delivery[Any], topic: str) -> None:
        refusal = await until_available(
            lambda: self._store(delivery, topic),
            on=ConsecutiveFailuresError,
            component="database",
            outages=self._outages,
        )
        if refusal is not None:
            await self._give_up(delivery, topic, refusal)

    async def _store(self, delivery: Delivery[Any], topic: str) -> PermanentPersistenceError | None:
        """
        Store the event's row. Returns None once it is committed, else the permanent error.

        Raises:
            ConsecutiveFailuresError: see ConsecutiveFailures.
        """
        message = delivery.event.message
        try:
            refusal = await self._submit(delivery, topic)
        except Exception as error:  # noqa: BLE001 - a bug must not end the process at each restart
            refusal = UnforeseenError(error)
        if refusal is None:
            self._failures.succeeded()
        elif isinstance(refusal, UnforeseenError):
            self._failures.failed((topic, message.partition, message.offset), refusal)
            where = {"topic": topic, "partition": message.partition, "offset": message.offset}
            log.error("event.failed", **where, exc_info=refusal.__cause__)
        return refusal

    async def _submit(self, delivery: Delivery[Any], topic: str) -> PermanentPersistenceError | None:
        try:
            event = _decode(topic, delivery.event.value or b"")
            carried = traceparent.carried(message_headers(delivery.event.message))
            record = record_of(event, carried.trace_id if carried else None)
        except msgspec.DecodeError as error:  # breaks the contract
            return PermanentPersistenceError(str(error))
        except PermanentPersistenceError as error:  # does not fit a row
            return error
        with tracing.within(carried, "store", of=event), tracing.span("upsert"):
            while True:
                stored = await self._batcher.submit(record)
                if not isinstance(stored, RowLockedError):
                    return stored
                await asyncio.sleep(LOCKED_SECONDS)

    async def _give_up(self, delivery: Delivery[Any], topic: str, refusal: PermanentPersistenceError) -> None:
        try:
            await self._publish(_letter(delivery, topic, refusal, RESULT_MAX_BYTES), delivery)
        except MESSAGE_TOO_LARGE:  # the topic's limit is lower than it should be (see petstream check)
            await self._publish(_letter(delivery, topic, refusal, KEPT_BYTES), delivery)
        metrics.DEAD_LETTERS.inc()
        log.error(
            "row.refused",
            id=str(_identity(topic, delivery.event.value or b"")),
            topic=topic,
            offset=delivery.event.message.offset,
            detail=str(refusal)[:500],
        )

    async def _publish(self, letter: StorageDeadLetter, delivery: Delivery[Any]) -> None:
        await self._publisher.publish(
            STORAGE_DEAD_LETTERS,
            key=str(letter.id).encode(),
            value=contracts.encode(letter),
            headers=cloudevents.headers(letter, message_headers(delivery.event.message)),
        )


def _letter(
    delivery: Delivery[Any], topic: str, refusal: PermanentPersistenceError, max_bytes: int
) -> StorageDeadLetter:
    """The dead letter of an event, whose body is cut to ``max_bytes``."""
    message, body = delivery.event.message, delivery.event.value or b""
    kept = excerpt(body, max_bytes)
    return StorageDeadLetter(
        id=_identity(topic, body),
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        sqlstate=refusal.sqlstate,
        constraint=refusal.constraint,
        detail=str(refusal)[:TEXT_CHARS].encode(errors="replace").decode(),  # a lone surrogate may be what failed
        failed_at=datetime.now(UTC),
        event=kept.data,
        event_truncated=kept.is_cut,
        event_sha256=kept.sha256,
    )


def _decode(topic: str, body: bytes) -> ImageClassified | ImageRejected:
    return contracts.decode_classified(body) if topic == IMAGE_CLASSIFICATIONS else contracts.decode_rejected(body)


def _identity(topic: str, body: bytes) -> UUID:
    """The object's id, or that of the bytes if they name no object."""
    try:
        return _decode(topic, body).id
    except msgspec.DecodeError:
        return message_id(body)
