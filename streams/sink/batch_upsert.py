"""
The sink's use case: stores a batch of rows, and returns a result per row. Knows no Faust and no Kafka.

It waits for an unavailable database without limit. It isolates the rows that PostgreSQL refuses permanently and stores
the others.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from persistence.errors import (
    MassRefusal,
    MisconfiguredDatabase,
    PermanentPersistenceError,
    RowLockedError,
    TransientPersistenceError,
)
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Refused, Store, Upserted
from streams.notifications.event_times import age_seconds
from streams.runtime import metrics
from streams.runtime.error_text import error_text
from streams.runtime.outages import Outages
from streams.runtime.retries import until_available
from streams.sink.consecutive_failures import UnforeseenError
from streams.sink.locked_rows import LockedRows
from streams.sink.rows import Record

log = structlog.get_logger()

WAITED_FOR: Final = (TransientPersistenceError, MisconfiguredDatabase, MassRefusal)
"""
Errors that are no row's fault. If most rows are refused, the database or a deployment is at fault: nothing becomes a
dead letter and nothing is acknowledged until it is fixed. Health, metrics and pipeline-status report it.
"""

SILENT_SECONDS: Final = 8.0
"""
A batch that takes longer declares an outage. A frozen server raises an error only after 22 s: 15 s until the statement
times out, 5 s for its cancellation, 2 s for the query for locked rows. A locked row may take 5 s (``lock_timeout``).
"""

RowResult = PermanentPersistenceError | RowLockedError | None
"""None: the row is committed. Else the error: permanent, or RowLockedError while another transaction holds the lock."""


class BatchUpsert:
    """Upserts batches; the ``run`` of the sink's batcher."""

    def __init__(self, store: Store, outages: Outages) -> None:
        self._store = store
        self._locked = LockedRows(store)
        self._outages = outages

    async def __call__(self, records: Sequence[Record]) -> list[RowResult]:
        """
        Store the records; one result per record, see RowResult. Submit a locked row again later.

        After an unexpected exception the batch is halved until the record that raises it stands alone. That record's
        result is an UnforeseenError; the others are stored.
        """
        try:
            return await self._store_all(records)
        except Exception as error:  # noqa: BLE001 - any exception is one record's, until all records have it
            if len(records) == 1:
                return [UnforeseenError(error)]
            middle = len(records) // 2
            log.warning("batch.halved", rows=len(records), error=error_text(error))
            return [*await self(records[:middle]), *await self(records[middle:])]

    async def _store_all(self, records: Sequence[Record]) -> list[RowResult]:
        began = time.monotonic()
        with metrics.UPSERT.time():
            upserted, refused, locked = await until_available(
                lambda: self._declaring_silence(records),
                on=WAITED_FOR,
                component="database",
                outages=self._outages,
            )
        metrics.SINK_ROWS.labels("inserted").inc(upserted.inserted)
        metrics.SINK_ROWS.labels("updated").inc(upserted.updated)
        metrics.SINK_ROWS.labels("stale").inc(upserted.stale)
        log.info(
            "batch.stored",
            rows=len(records),
            milliseconds=round((time.monotonic() - began) * 1000, 1),
            inserted=upserted.inserted,
            updated=upserted.updated,
            stale=upserted.stale,
            refused=len(refused),
            locked=len(locked),
        )
        reasons: dict[int, RowResult] = {id(refusal.record): refusal.error for refusal in refused}
        if locked:
            error = RowLockedError("rows are locked by another transaction: see pg_stat_activity")
            reasons |= {id(record): error for record in records if record.id in locked}
            self._outages.begin("database", error)
        elif not self._locked.any:
            self._outages.end("database")
        results = [reasons.get(id(record)) for record in records]
        now = datetime.now(UTC)
        for record, result in zip(records, results, strict=True):
            if result is None:
                metrics.STORED_LATENCY.observe(age_seconds(record.timestamp, now))
        return results

    async def upsert_unlocked(self, records: Sequence[Record]) -> tuple[Upserted, list[Refused], set[UUID]]:
        """
        Store the records, but for the rows that another transaction has locked.

        Returns:
            The counts of the stored rows, the refused rows, and the ids of the locked ones.

        Raises:
            PersistenceError: as ``Store.upsert_isolating``; also if it timed out and no row is locked, or too many.
        """
        locked = await self._locked.known_among(records) if self._locked.any else set()
        try:
            stored, refused = await self._upsert(records, locked)
        except TransientPersistenceError as error:
            locked = locked | await self._locked.found_after(error, records, locked)
            stored, refused = await self._upsert(records, locked)
        return stored, refused, locked

    async def _declaring_silence(self, records: Sequence[Record]) -> tuple[Upserted, list[Refused], set[UUID]]:
        """As ``upsert_unlocked``. Declares an outage after SILENT_SECONDS; the caller ends it once rows are stored."""
        silence = asyncio.get_running_loop().call_later(
            SILENT_SECONDS, self._outages.begin, "database", f"no answer for {SILENT_SECONDS:g} s"
        )
        try:
            return await self.upsert_unlocked(records)
        finally:
            silence.cancel()

    async def _upsert(self, records: Sequence[Record], locked: set[UUID]) -> tuple[Upserted, list[Refused]]:
        others = [record for record in records if record.id not in locked]
        return await self._store.upsert_isolating(
            [record for record in others if isinstance(record, ClassificationRecord)],
            [record for record in others if isinstance(record, RejectionRecord)],
        )
