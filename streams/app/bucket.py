"""Wires ``petstream backfill`` and ``petstream reconcile``: their parts, the use case, and the resume file."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from streams.app.bucket_parts import Work, opened
from streams.backfill import backfill
from streams.listing import PAGE_KEYS
from streams.reconcile import Finding, reconcile
from streams.resuming import Command, Reached, ResumeFile, Task
from streams.settings import AwsSettings, DatabaseSettings, KafkaSettings


async def run_backfill(
    work: Work, store: AwsSettings, kafka: KafkaSettings | None = None, database: DatabaseSettings | None = None
) -> Counter[str]:
    """
    Enqueue what the place holds; without Kafka, only count it. Gives the counts of ``backfill``.

    Raises:
        Unreachable, ListingRefused, ResumeRefused, BrokerRefusal, PersistenceError
    """
    file = _resume_file(work, "backfill", store)
    begun = file.read() if file else Reached()
    counts = Counter(begun.counts)
    kept = file if kafka else None  # what publishes nothing leaves the file as it is
    if kept:
        kept.write(begun)  # a file that cannot be written is told before anything is done
    # A page is about a second's worth: that is what a kill repeats, and how old a listing is when it is used.
    keys = PAGE_KEYS if kafka is None or work.rate is None else max(1, min(PAGE_KEYS, int(work.rate)))
    async with opened(work, "backfill", store, kafka, database) as (listing, lookup, enqueue):
        await backfill(
            listing.pages(after=begun.after, page_keys=keys),
            work.scope,
            lookup=lookup,
            enqueue=enqueue,
            done=partial(_done, work, kept),
            counts=counts,
        )
    if kept:
        kept.remove()
    return counts


async def run_reconcile(
    work: Work,
    store: AwsSettings,
    database: DatabaseSettings,
    kafka: KafkaSettings | None = None,
    *,
    grace: timedelta,
    found: Callable[[Finding], None],
) -> Counter[str]:
    """
    Compare the place with the tables, and enqueue what is wanting if there is Kafka. Gives the counts of ``reconcile``.

    Raises:
        Unreachable, ListingRefused, ResumeRefused, BrokerRefusal, PersistenceError
    """
    file = _resume_file(work, "reconcile --enqueue" if kafka else "reconcile", store)
    begun = file.read() if file else Reached()
    counts = Counter(begun.counts)
    if file:
        file.write(begun)
    async with opened(work, "reconcile", store, kafka, database) as (listing, lookup, enqueue):
        await reconcile(
            listing.pages(after=begun.after),
            work.scope,
            grace=grace,
            lookup=lookup,
            enqueue=enqueue,
            found=found,
            done=partial(_done, work, file),
            counts=counts,
        )
    if file:
        file.remove()
    return counts


def _resume_file(work: Work, command: Command, store: AwsSettings) -> ResumeFile | None:
    if work.resume is None:
        return None
    return ResumeFile(work.resume, Task(command, str(work.place), str(work.scope), store.s3_endpoint))


def _done(work: Work, file: ResumeFile | None, after: str, counts: Counter[str]) -> None:
    if file:
        file.write(Reached(after, counts))
    work.done(counts)
