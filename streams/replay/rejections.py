"""Publishes the upload events of stored rejections again. Reads the table, as the reader, page by page."""

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
"""Held at a time, with their events: of up to 2 MiB each, of 1 KiB as S3 makes them."""


@dataclass(slots=True)
class ReplayedRejections:
    """
    What was gone through: rejections by reason, and the messages that named them.

    ``cut``: rejections whose upload event is not there as a whole, so that nothing was published for them.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    cut: int = 0

    @property
    def rejections(self) -> int:
        """All of them."""
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
    Go through the rejections that are wanted, newest first, and publish their events.

    Args:
        pool: May lead to a reader.
        wanted: Which.
        publisher: None publishes nothing.
        limit: At most so many rejections.
        on_rejection: Told of each rejection.

    Raises:
        PersistenceError, BrokerRefusal: what was published before is confirmed or not; a repetition harms nothing.
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
