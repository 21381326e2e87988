"""
Enqueues existing objects on topic image-uploads-bulk: each becomes an event of our own, confirmed by the broker.

Independent of S3, Kafka and files: pages and callbacks are arguments. A page counts as done only after the broker has
confirmed all of it. A killed run that is resumed therefore covers every key; repeated keys change nothing.
"""

from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from streams.backfill.listing import Listed
from streams.backfill.scope import Scope

if TYPE_CHECKING:
    from persistence.versions import StoredVersion

StoredVersions: TypeAlias = "Mapping[str, StoredVersion]"
"""The stored versions by object key; objects without a stored version are absent."""
Lookup = Callable[[Sequence[Listed]], Awaitable[StoredVersions]]
Enqueue = Callable[[Sequence[Listed], StoredVersions], Awaitable[None]]
"""Returns once the broker has confirmed all of them."""
Done = Callable[[str, Counter[str]], None]
"""Called after each page with its last key and the counts so far."""


async def nothing_known(_objects: Sequence[Listed]) -> StoredVersions:
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
    Enqueue every listed object in the scope.

    Args:
        pages: The listing, in key order.
        scope: Selects the objects.
        lookup: Returns the stored versions of objects; their sequencers are copied.
        enqueue: Publishes; None only counts.
        done: Called after each page.
        counts: The counts of the earlier part of the run, updated in place: listed, folders, archived, filtered,
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
    """The objects of a page that are in the scope; all objects are counted."""
    chosen = []
    for each in page:
        skip = scope.skip(each)
        counts[skip or "chosen"] += 1
        if skip is None:
            chosen.append(each)
    counts["listed"] += len(page)
    return chosen
