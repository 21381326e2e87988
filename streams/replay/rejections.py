"""Publishes the upload events of stored rejections again. Reads the table page by page with the reader's rights."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from persistence import rejection_reads
from persistence.pool import Pool
from persistence.rejection_reads import Rejection, RejectionFilter
from streams.replay.messages import Once, is_replayable, upload_message
from streams.replay.republisher import Republisher

PAGE_ROWS: Final = 100
"""Rows of a page, held in memory with their events: up to 2 MiB each, 1 KiB for S3's own events."""


@dataclass(slots=True)
class ReplayedRejections:
    """
    Counts of a replay: rejections by reason, and the messages published for them.

    ``cut``: rejections whose upload event was cut, so nothing was published for them.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    cut: int = 0

    @property
    def rejections(self) -> int:
        """The number of rejections over all reasons."""
        return self.reasons.total()


async def replay(
    pool: Pool,
    wanted: RejectionFilter,
    publisher: Republisher | None,
    *,
    limit: int | None = None,
    on_rejection: Callable[[], None] = lambda: None,
) -> ReplayedRejections:
    """
    Publish the events of the selected rejections, newest first.

    Args:
        pool: May connect to a reader.
        wanted: Selects the rejections.
        publisher: None publishes nothing.
        limit: Maximum number of rejections.
        on_rejection: Called for each rejection.

    Raises:
        PersistenceError, BrokerRefusal: some messages may be published already; a repetition is harmless.
    """
    done, first = ReplayedRejections(), Once()
    async for rejection in _rejections(pool, wanted, limit):
        assert rejection.upload_event is not None, "it was asked for"
        on_rejection()
        if not is_replayable(rejection.detail):
            done.cut += 1
            continue
        message = upload_message(rejection.upload_event)
        done.reasons[rejection.reason] += 1
        if first(message):
            done.messages += 1
            if publisher is not None:
                await publisher.publish(message)
    if publisher is not None:
        await publisher.flush()
    return done


async def _rejections(pool: Pool, wanted: RejectionFilter, limit: int | None) -> AsyncIterator[Rejection]:
    left, after = limit, None
    while left is None or left > 0:
        rows = PAGE_ROWS if left is None else min(left, PAGE_ROWS)
        page = await rejection_reads.page(pool, wanted, after, limit=rows, events=True)
        for rejection in page.rejections:
            yield rejection
        after = page.after
        if after is None:
            return
        left = None if left is None else left - len(page.rejections)
