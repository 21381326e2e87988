"""
Existing objects onto topic image-uploads-bulk: each listed one becomes an event of our own, confirmed by the broker.

Knows neither S3, Kafka nor files: it is given pages, and what to do with them. A page is remembered as done only after
all of it was confirmed, so a run that is killed and begun again covers every key; what it covers twice changes nothing.
"""

from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from streams.backfill.listing import Listed
from streams.backfill.scope import Scope

if TYPE_CHECKING:
    from persistence.versions import StoredVersion

Known: TypeAlias = "Mapping[str, StoredVersion]"
"""What is stored of objects, by their keys; those that nothing is stored of are left out."""
Lookup = Callable[[Sequence[Listed]], Awaitable[Known]]
Enqueue = Callable[[Sequence[Listed], Known], Awaitable[None]]
"""Returns once the broker confirmed all of them."""
Done = Callable[[str, Counter[str]], None]
"""Told after each page: the last key of it, and the counts so far."""


async def nothing_known(_objects: Sequence[Listed]) -> Known:
    """The lookup of a run without a database."""
    return {}


async def backfill(
    pages: AsyncIterable[Sequence[Listed]],
    scope: Scope,
    *,
    lookup: Lookup,
    enqueue: Enqueue | None,
    done: Done,
    counts: Counter[str],
) -> None:
    """
    Enqueue every listed object that is in the scope.

    Args:
        pages: The listing, in key order.
        scope: What of it is meant.
        lookup: What is stored of objects; its sequencers are copied.
        enqueue: Publishes; None only counts.
        done: Told after each page.
        counts: Those of an earlier part of the run, continued in place: listed, folders, archived, filtered,
            chosen, bytes (of the chosen), known, enqueued.
    """
    async for page in pages:
        chosen = in_scope(page, scope, counts)
        counts["bytes"] += sum(each.size_bytes for each in chosen)
        if enqueue is not None and chosen:
            known = await lookup(chosen)
            await enqueue(chosen, known)
            counts["known"] += len(known)
            counts["enqueued"] += len(chosen)
        done(page[-1].key, counts)


def in_scope(page: Sequence[Listed], scope: Scope, counts: Counter[str]) -> list[Listed]:
    """The objects of a page that are meant; all of them are counted."""
    chosen = []
    for each in page:
        skip = scope.skip(each)
        counts[skip or "chosen"] += 1
        if skip is None:
            chosen.append(each)
    counts["listed"] += len(page)
    return chosen
