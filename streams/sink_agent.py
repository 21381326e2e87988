"""Binds step 6 to a Faust agent: results in, committed rows out (or dead letters), then the acknowledgement."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from persistence.errors import PermanentPersistenceError
from streams import cloudevents, contracts, metrics, traceparent, tracing
from streams.acknowledgement import Delivery
from streams.batches import Batcher
from streams.contracts import StorageDeadLetter
from streams.faust_app import message_headers
from streams.intake import Intake
from streams.outcomes import message_id
from streams.publisher import Publisher
from streams.rows import Record, record_of
from streams.topics import IMAGE_CLASSIFICATIONS, STORAGE_DEAD_LETTERS

log = structlog.get_logger()


class SinkAgent:
    """The agent's body."""

    def __init__(
        self,
        batcher: Batcher[Record, PermanentPersistenceError | None],
        publisher: Publisher,
        intake: Intake,
    ) -> None:
        self._batcher = batcher
        self._publisher = publisher
        self._intake = intake

    async def run(self, stream: Any) -> None:
        """Take events as they come; rows of one moment are written together. Any failure but a row's own ends it."""
        await self._intake.run(stream, self._batcher, self._deliver)

    async def _deliver(self, delivery: Delivery[Any], topic: str) -> None:
        body: bytes = delivery.event.value or b""
        try:
            decode = contracts.decode_classified if topic == IMAGE_CLASSIFICATIONS else contracts.decode_rejected
            event = decode(body)
            carried = traceparent.carried(message_headers(delivery.event.message))
            record = record_of(event, carried.trace_id if carried else None)
        except (msgspec.DecodeError, PermanentPersistenceError) as error:  # not our contract, or what no row can hold
            await self._give_up(delivery, topic, message_id(body), str(error))
        else:
            with tracing.within(carried, "store", of=event):
                with tracing.span("upsert"):
                    refusal = await self._batcher.submit(record)
                if refusal is not None:
                    await self._give_up(delivery, topic, event.id, str(refusal), refusal)

    async def _give_up(
        self,
        delivery: Delivery[Any],
        topic: str,
        identity: UUID,
        detail: str,
        refusal: PermanentPersistenceError | None = None,
    ) -> None:
        message = delivery.event.message
        letter = StorageDeadLetter(
            id=identity,
            topic=topic,
            partition=message.partition,
            offset=message.offset,
            sqlstate=refusal.sqlstate if refusal else None,
            constraint=refusal.constraint if refusal else None,
            detail=detail[:2000],
            failed_at=datetime.now(UTC),
            event=delivery.event.value or b"",
        )
        await self._publisher.publish(
            STORAGE_DEAD_LETTERS,
            key=str(identity).encode(),
            value=contracts.encode(letter),
            headers=cloudevents.headers(letter, message_headers(message)),
        )
        metrics.DEAD_LETTERS.inc()
        log.error("row.refused", id=str(identity), topic=topic, offset=message.offset, detail=detail[:500])
