"""Wires ``petstream backfill`` and ``petstream reconcile``: their parts, the use case, and the resume file."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from streams.app.bucket_parts import Work, opened
from streams.backfill.backfill import backfill
from streams.backfill.checkpoint import Command, Reached, ResumeFile, Task
from streams.backfill.listing import PAGE_KEYS, Listed
from streams.backfill.reconcile import Difference, reconcile
from streams.backfill.waiting_objects import waiting_objects
from streams.contracts.identity import image_id
from streams.runtime.settings import AwsSettings, DatabaseSettings, KafkaSettings


async def run_backfill(
    work: Work, store: AwsSettings, kafka: KafkaSettings | None = None, database: DatabaseSettings | None = None
) -> Counter[str]:
    """
    Enqueue the objects of a bucket or prefix; without Kafka, only count them. Returns the counts of ``backfill``.

    Raises:
        Unreachable, ListingRefused, ResumeRefused, BrokerRefusal, PersistenceError
    """
    file = _resume_file(work, "backfill", store)
    begun = file.read() if file else Reached()
    counts = Counter(begun.counts)
    kept = file if kafka else None  # a run that publishes nothing leaves the file unchanged
    if kept:
        kept.write(begun)  # fail before the work if the file cannot be written
    # A page holds about one second of work: a killed run repeats no more, and a listing is no older when it is used.
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
    publish: bool,
    grace: timedelta,
    found: Callable[[Difference], None],
) -> Counter[str]:
    """
    Compare a bucket or prefix with the tables. Returns the counts of ``reconcile``.

    With ``publish``, missing and outdated objects are enqueued. Without Kafka, objects that wait there count as missing
    or outdated.

    Raises:
        Unreachable, ListingRefused, ResumeRefused, BrokerRefusal, TooManyWait, PersistenceError
    """
    file = _resume_file(work, "reconcile --enqueue" if publish else "reconcile", store)
    begun = file.read() if file else Reached()
    counts = Counter(begun.counts)
    if file:
        file.write(begun)
    async with opened(work, "reconcile", store, kafka if publish else None, database) as (listing, lookup, enqueue):
        began, waits = datetime.now(UTC), await _waiting(work, kafka)
        await reconcile(
            listing.pages(after=begun.after, page_keys=_page_keys(work)),
            work.scope,
            grace=grace,
            lookup=lookup,
            enqueue=enqueue,
            found=found,
            done=partial(_done, work, file),
            counts=counts,
            began=began,
            waits=waits,
        )
    if file:
        file.remove()
    return counts


def _page_keys(work: Work) -> int:
    """Page size of a reconciliation, which usually enqueues few objects of a page. Enqueuing all takes one minute."""
    return PAGE_KEYS if work.rate is None else max(1, min(PAGE_KEYS, int(work.rate * 60)))


async def _waiting(work: Work, kafka: KafkaSettings | None) -> Callable[[Listed], bool]:
    if kafka is None:
        return lambda _listed: False
    waiting = await waiting_objects(kafka, moved=work.moved)
    return lambda listed: image_id(work.place.bucket, listed.key) in waiting


def _resume_file(work: Work, command: Command, store: AwsSettings) -> ResumeFile | None:
    if work.resume is None:
        return None
    return ResumeFile(work.resume, Task(command, str(work.place), str(work.scope), store.s3_endpoint))


def _done(work: Work, file: ResumeFile | None, after: str, counts: Counter[str]) -> None:
    if file:
        file.write(Reached(after, counts))
    work.done(counts)
