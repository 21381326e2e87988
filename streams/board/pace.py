"""How often the board asks: often while somebody looks, seldom otherwise, and at once when somebody comes."""

import asyncio
from collections.abc import Callable
from typing import Final

NOTICE_SECONDS: Final = 0.5
"""How soon a new viewer is noticed."""


async def pause(is_watched: Callable[[], bool], *, watched_seconds: float, unwatched_seconds: float) -> None:
    """Sleep for ``watched_seconds``, and on until somebody looks, ``unwatched_seconds`` in all at most."""
    await asyncio.sleep(watched_seconds)
    left = unwatched_seconds - watched_seconds
    while left > 0 and not is_watched():
        await asyncio.sleep(min(NOTICE_SECONDS, left))
        left -= NOTICE_SECONDS
