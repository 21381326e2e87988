"""Writes reproducible development data, through the store's upsert. Not for production."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from persistence.errors import PersistenceError, translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.records import REASONS, SEQUENCER_DIGITS, ClassificationRecord, RejectionRecord, to_confidence
from persistence.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from persistence.pool import Pool
    from persistence.records import Record

BUCKET = "petstream-seed"  # distinguishes seeds from uploads
BATCH_ROWS = 500
NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
SPREAD = timedelta(days=90)
REJECTED_SHARE = 0.1
# malformed_event names no object, and each seed names one.
SEED_REASONS = sorted(REASONS - {"malformed_event"})
FOREIGN = """
SELECT EXISTS (SELECT FROM classification_records WHERE source_bucket IS DISTINCT FROM $1)
    OR EXISTS (SELECT FROM image_rejections WHERE source_bucket IS DISTINCT FROM $1)
"""


class NotSeeds(PersistenceError):  # noqa: N818 - the name says what happened
    """The tables hold rows that are not seeds: this may be the wrong database."""


def seeds(rows: int, seed: int, users: int) -> Iterator[Record]:
    """
    Records of ``rows`` objects, the same for the same arguments: 90 % classified, the others rejected, spread over 90
    days and over users ``user-0001`` and so on.

    Raises:
        ValueError: rows below 0 or users below 1.
    """
    if rows < 0 or users < 1:
        raise ValueError("seeds need at least one user, and no fewer than 0 rows")
    chance = random.Random(seed)  # noqa: S311 - data to look at, not a secret
    for number in range(rows):
        user = f"user-{chance.randrange(users) + 1:04}"
        key = f"uploads/{user}/seed-{seed}-{number:07}.jpg"
        url = f"s3://{BUCKET}/{key}"
        id_ = uuid.uuid5(uuid.NAMESPACE_URL, url)
        timestamp = NEWEST - SPREAD * chance.random()
        sequencer = f"{int(timestamp.timestamp() * 1_000_000):X}".ljust(SEQUENCER_DIGITS, "0")
        if chance.random() < REJECTED_SHARE:
            yield RejectionRecord(
                id=id_,
                user_name=user,
                image_url=url,
                reason=chance.choice(SEED_REASONS),
                detail="a seed",
                timestamp=timestamp,
                source_bucket=BUCKET,
                source_key=key,
                source_sequencer=sequencer,
                upload_event=b"{}",
            )
        else:
            yield ClassificationRecord(
                id=id_,
                user_name=user,
                image_url=url,
                classification=chance.choice(("cat", "dog")),
                confidence=to_confidence(chance.uniform(0.6, 1)),
                processing_time=chance.randrange(5, 80),
                timestamp=timestamp,
                source_bucket=BUCKET,
                source_key=key,
                source_sequencer=sequencer,
                model_name="seed",
                model_version="0",
                model_rev=0,
            )


async def write_seeds(
    pool: Pool, *, rows: int, seed: int, users: int, beside_others: bool = False, progress: Callable[[int], None]
) -> int:
    """
    Write the missing seeds.

    Args:
        pool: Of the writer's role.
        rows: Number of rows, 0 or more.
        seed: Seed of the random numbers.
        users: Number of users, 1 or more.
        beside_others: Write even if the tables have other rows. Only after a person agreed.
        progress: Called after each batch with its number of rows.

    Returns:
        The number of new rows.

    Raises:
        NotSeeds: the tables have other rows, and ``beside_others`` is False.
        PersistenceError: as ``Store.upsert``.
    """
    if not beside_others:
        with translated_errors():
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
                if await connection.fetchval(FOREIGN, BUCKET):
                    raise NotSeeds
    store, written = Store(pool), 0
    batch: list[Record] = []
    for record in seeds(rows, seed, users):
        batch.append(record)
        if len(batch) == BATCH_ROWS:
            written += await _write(store, batch)
            progress(len(batch))
            batch = []
    if batch:
        written += await _write(store, batch)
        progress(len(batch))
    return written


async def _write(store: Store, batch: list[Record]) -> int:
    classifications = [record for record in batch if isinstance(record, ClassificationRecord)]
    rejections = [record for record in batch if isinstance(record, RejectionRecord)]
    return (await store.upsert(classifications, rejections)).inserted
