"""
Step 6 of 7. The sink's use case: a batch of rows in, for each row what became of it. Knows no Faust and no Kafka.

A database that is away is waited for, without limit; nothing else waits for it. A row that PostgreSQL refuses for good
is found and given back, its neighbours are stored.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from persistence.errors import (
    MassRefusal,
    MisconfiguredDatabase,
    PermanentPersistenceError,
    RowLockedError,
    TransientPersistenceError,
)
from persistence.store import Store
from streams.notifications.event_times import age_seconds
from streams.runtime import metrics
from streams.runtime.outages import Outages
from streams.runtime.retries import until_available
from streams.sink.locked_rows import LockedRows
from streams.sink.rows import Record
from streams.sink.unforeseen import UnforeseenError

log = structlog.get_logger()

WAITED_FOR: Final = (TransientPersistenceError, MisconfiguredDatabase, MassRefusal)
"""
What is no row's fault. When most rows are refused, it is the database or a deployment: nothing is given up and nothing
is acknowledged until a person has mended it, and health, metric and status topic say so.
"""


Stored = PermanentPersistenceError | RowLockedError | None
"""What became of a row: None, it is committed; else why not, for good or as long as a lock is held."""


class Storing:
    """Upserts batches; the ``run`` of the sink's batcher."""

    def __init__(self, store: Store, outages: Outages) -> None:
        self._rows = LockedRows(store)
        self._outages = outages

    async def __call__(self, records: Sequence[Record]) -> list[Stored]:
        """
        Store the records; for each, None once it is committed, or why PostgreSQL refuses it for good. A RowLockedError
        instead: somebody has locked its row, and it is to be brought again later.

        An exception that nobody foresaw is traced to the record that raises it, by halving: the others are stored, and
        its result is an UnforeseenError.
        """
        try:
            return await self._stored(records)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one record's until all have it
            if len(records) == 1:
                return [UnforeseenError(error)]
            middle = len(records) // 2
            log.warning("batch.halved", rows=len(records), error=f"{type(error).__name__}: {error}"[:500])
            return [*await self(records[:middle]), *await self(records[middle:])]

    async def _stored(self, records: Sequence[Record]) -> list[Stored]:
        began = time.monotonic()
        with metrics.UPSERT.time():
            upserted, refused, locked = await until_available(
                lambda: self._rows.upsert(records),
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
        reasons: dict[int, Stored] = {id(refusal.record): refusal.error for refusal in refused}
        if locked:
            why = RowLockedError("somebody has locked rows: look for open transactions (pg_stat_activity)")
            reasons |= {id(record): why for record in records if record.id in locked}
            self._outages.begin("database", why)
        elif not self._rows.any:
            self._outages.end("database")
        results = [reasons.get(id(record)) for record in records]
        now = datetime.now(UTC)
        for record, error in zip(records, results, strict=True):
            if error is None:
                metrics.STORED_LATENCY.observe(age_seconds(record.timestamp, now))
        return results
