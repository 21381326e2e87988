"""
Compares a bucket with the tables: finds listed objects without an outcome of their version, and can enqueue them.

Independent of S3, Kafka and PostgreSQL: pages and callbacks are arguments. Only one page is held in memory.
"""

from collections import Counter
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from streams.backfill.backfill import Done, Enqueue, Lookup, in_scope
from streams.backfill.comparison import Verdict, compare
from streams.backfill.listing import Listed
from streams.backfill.scope import Scope

if TYPE_CHECKING:
    from persistence.versions import StoredVersion


@dataclass(frozen=True, slots=True)
class Difference:
    """An object whose outcome is missing or outdated, and the stored version."""

    verdict: Verdict
    listed: Listed
    stored: "StoredVersion | None"


async def reconcile(
    pages: AsyncIterable[Sequence[Listed]],
    scope: Scope,
    *,
    grace: timedelta,
    lookup: Lookup,
    enqueue: Enqueue | None,
    found: Callable[[Difference], None],
    done: Done,
    counts: Counter[str],
    began: datetime,
    waits: Callable[[Listed], bool] = lambda _listed: False,
) -> None:
    """
    Compare every listed object in the scope with its stored outcome.

    Args:
        pages: The listing, in key order.
        scope: Selects the objects.
        grace: Objects that were written within this time before ``began``, or later, may still be in the pipeline and
            are not differences.
        lookup: Returns the stored versions of objects.
        enqueue: Publishes missing and outdated objects; None only reports.
        found: Called for each such object, in key order.
        done: Called after each page.
        counts: The counts of the earlier part of the run, updated in place: listed, folders, archived, filtered,
            chosen, ok, missing, outdated, waiting, pending, enqueued.
        began: Aware. When the collection of ``waits`` began: it does not include later uploads, however long the run
            takes.
        waits: Whether a message in Kafka names the object, so that it is not a difference.
    """
    async for page in pages:
        chosen = in_scope(page, scope, counts)
        known = await lookup(chosen) if chosen else {}
        differing = []
        for listed in chosen:
            stored = known.get(listed.key)
            verdict = compare(listed, stored, now=began, grace=grace, waits=waits(listed))
            counts[verdict] += 1
            if verdict in {"missing", "outdated"}:
                differing.append(listed)
                found(Difference(verdict, listed, stored))
        if enqueue is not None and differing:
            await enqueue(differing, known)
            counts["enqueued"] += len(differing)
        done(page[-1].key, counts)
