"""
The bucket beside the tables: every listed object has an outcome of its version, or is found here and may be enqueued.

Knows neither S3, Kafka nor PostgreSQL: it is given pages, and what to ask and do about them. Memory is that of a page.
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
    """An object that is missing or outdated, and what is stored of it."""

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
    Compare every listed object that is in the scope with what is stored of it.

    Args:
        pages: The listing, in key order.
        scope: What of it is meant.
        grace: Objects that were written this shortly before ``began``, or later, may be on their way, and are no
            differences.
        lookup: What is stored of objects.
        enqueue: Publishes what is missing or outdated; None only reports.
        found: Told of each such object, in key order.
        done: Told after each page.
        counts: Those of an earlier part of the run, continued in place: listed, folders, archived, filtered,
            chosen, ok, missing, outdated, waiting, pending, enqueued.
        began: Aware. When ``waits`` began to be found out: what was written later is not in it, however long the run
            takes.
        waits: Whether an object is on its way already, and so is no difference.
    """
    async for page in pages:
        chosen = in_scope(page, scope, counts)
        known = await lookup(chosen) if chosen else {}
        wanting = []
        for listed in chosen:
            stored = known.get(listed.key)
            verdict = compare(listed, stored, now=began, grace=grace, waits=waits(listed))
            counts[verdict] += 1
            if verdict in {"missing", "outdated"}:
                wanting.append(listed)
                found(Difference(verdict, listed, stored))
        if enqueue is not None and wanting:
            await enqueue(wanting, known)
            counts["enqueued"] += len(wanting)
        done(page[-1].key, counts)
