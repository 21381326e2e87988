"""
Small pictures for the page: read, made and remembered, a bounded number at a time.

A page asks for 50 at once, and several viewers for the same ones. Each is made once, and made again only if its object
changed. A refusal is remembered like a picture, so that a picture that hangs its decoder does so once.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from streams.board.objects import NoPictureError, ObjectVersion, StoredObject, UnavailableError
from streams.board.rendition_cache import Entry, RenditionCache

FRESH_SECONDS: Final = 10.0
"""For so long the store is not asked again."""
CRASH_SECONDS: Final = 60.0
"""A picture that crashed or hung its decoder is tried again after this: the machine may have been busy."""


class CrashedError(NoPictureError):
    """The picture crashed or hung its decoder, or would take too much memory."""


class Store(Protocol):
    """Reads objects, as ``objects.PictureStore``."""

    async def read(self, place: ObjectVersion, etag: str = "") -> StoredObject | None:
        """The object; None if it still has this etag. Raises NoPictureError, UnavailableError."""


class RenditionDecoder(Protocol):
    """Makes one picture small, apart from this process."""

    async def render(self, data: bytes) -> bytes:
        """A JPEG. Raises NoPictureError, CrashedError, UnavailableError."""


class Renditions:
    """
    The renditions of one size.

    Args:
        store: Where the objects are.
        decoder: Makes them small. Its time is bounded.
        cache: What was made already.
        at_once: So many are read or made at a time: each holds the bytes of one object.
        waiting_max: So many are waited for; further ones are refused.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        store: Store,
        decoder: RenditionDecoder,
        cache: RenditionCache,
        *,
        at_once: int,
        waiting_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._decoder = decoder
        self._cache = cache
        self._slots = asyncio.Semaphore(at_once)
        self._waiting_max = waiting_max
        self._clock = clock
        self._pending: dict[ObjectVersion, asyncio.Task[Entry]] = {}

    async def jpeg(self, place: ObjectVersion) -> bytes:
        """
        The picture, small.

        Raises:
            NoPictureError: there is none to show; the message says why.
            UnavailableError: not now.
        """
        entry = self._cache.get(place)
        if entry is None or entry.fresh_until < self._clock():
            entry = await asyncio.shield(self._task(place))
        if entry.refusal:
            raise NoPictureError(entry.refusal)
        return entry.jpeg

    def _task(self, place: ObjectVersion) -> asyncio.Task[Entry]:
        """The task that looks at this object. It goes on if its viewer leaves, since others may wait for it."""
        task = self._pending.get(place)
        if task is None:
            if len(self._pending) >= self._waiting_max:
                raise UnavailableError("too many pictures are being made; it will be tried again")
            task = self._pending[place] = asyncio.create_task(self._look(place))
            task.add_done_callback(lambda _: self._pending.pop(place))
        return task

    async def _look(self, place: ObjectVersion) -> Entry:
        async with self._slots:
            known = self._cache.get(place)
            try:
                found = await self._store.read(place, known.etag if known else "")
            except UnavailableError:
                if known is None:
                    raise
                return known  # better than nothing while the store is away
            except NoPictureError:
                self._cache.drop(place)
                raise
            if known is not None and (found is None or (known.etag and found.etag == known.etag)):
                entry = Entry(known.etag, known.jpeg, known.refusal, self._clock() + FRESH_SECONDS)
            else:
                assert found is not None, "an unknown etag is not asked about"
                entry = await self._made(found)
            self._cache.put(place, entry)
            return entry

    async def _made(self, found: StoredObject) -> Entry:
        try:
            jpeg, refusal = await self._decoder.render(found.data), ""
        except UnavailableError:
            raise
        except CrashedError as error:
            return Entry("", b"", str(error), self._clock() + CRASH_SECONDS)
        except NoPictureError as error:
            jpeg, refusal = b"", str(error)
        return Entry(found.etag, jpeg, refusal, self._clock() + FRESH_SECONDS)
