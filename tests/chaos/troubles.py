"""Everybody's trouble but the healthy pictures': objects that are deleted or refused, messages that are hostile."""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from streams.contracts.topics import IMAGE_UPLOADS
from tests.chaos import hostile
from tests.chaos.ledger import Ledger
from tests.chaos.plan import UNVERSIONED_FOLDER
from tests.chaos.publishing import publish
from tests.chaos.refusals import REFUSALS
from tests.chaos.storing import Storing
from tests.world import World

Content = tuple[bytes, str]
SEQUENCERS: Final = ("0055AED6DCD90281E5", "0055AED6DCD91")
"""Of two versions, the older one first. Compared as if both were padded on the left, it is the other way round."""
_AT_ONCE: Final = 20
_THREADS: Final = 8


@dataclass
class Troubles:
    """
    Makes them in one world, and writes into the ledger how each must end.

    Args:
        contents: pets, with their labels.
        crowd: how many objects a folder has that is deleted.
    """

    world: World
    storing: Storing
    ledger: Ledger
    contents: Sequence[Content]
    crowd: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def healthy(self, count: int, rng: random.Random) -> set[str]:
        """So many good pictures, half of them in each bucket, uploaded at once; their keys."""
        number = next(self._numbers)
        keys = [f"{(UNVERSIONED_FOLDER, 'uploads/ann/')[each % 2]}taken-{number}-{each}.jpg" for each in range(count)]
        for key in keys:
            data, outcome = rng.choice(self.contents)
            self.ledger.uploaded(key, *self.storing.put(key, data), outcome)
        return set(keys)

    async def deleted_folder(self, rng: random.Random) -> None:
        """A user uploads a folder and deletes each object of it at once, before most of them are read."""
        folder = f"uploads/ann/deleted-{next(self._numbers)}/", f"{UNVERSIONED_FOLDER}deleted-{next(self._numbers)}/"
        keys = [f"{folder[number % 2]}{number}.jpg" for number in range(self.crowd)]

        def some(keys: Sequence[str], content: Content) -> None:
            data, outcome = content
            for key in keys:
                version_id, etag = self.storing.put(key, data)
                self.ledger.uploaded(key, version_id, etag, outcome, also="missing", is_healthy=False)
                self.storing.delete(key, version_id)

        await self._in_threads(keys, some, rng)

    async def refused(self, rng: random.Random, *, of_one_user: bool) -> None:
        """Objects that the store never serves: one of each kind of answer, or many of one user by the same kind."""
        number = next(self._numbers)
        if of_one_user:
            mark = rng.choice(list(REFUSALS))
            keys = [f"uploads/ben/{mark}{number}/{each}.jpg" for each in range(max(16, self.crowd // 2))]
        else:
            keys = [f"uploads/user-{each}/{mark}{number}.jpg" for each, mark in enumerate(REFUSALS)]

        def some(keys: Sequence[str], content: Content) -> None:
            for key in keys:
                version_id, etag = self.storing.put(key, content[0])
                outcome = next(outcome for mark, (_, outcome) in REFUSALS.items() if mark in key)
                self.ledger.uploaded(key, version_id, etag, outcome, is_healthy=False)

        await self._in_threads(keys, some, rng)

    async def hostile_messages(self, rng: random.Random) -> None:
        """One of each kind, in any order, and two versions of an object whose sequencers have different lengths."""
        prefix = f"{hostile.FOLDER}{next(self._numbers)}-"
        found = hostile.messages(self.world.bucket, prefix)
        async with asyncio.TaskGroup() as group:
            for message in rng.sample(found, len(found)):
                group.create_task(self._send(message, rng.choice(self.contents)))
            group.create_task(self._two_versions(f"{prefix}sequencers.jpg", rng))

    async def _send(self, message: hostile.Hostile, content: Content) -> None:
        data, outcome = content
        for key in message.keys:
            _, etag = await asyncio.to_thread(self.storing.put, key, data, user="zoe")
            self.ledger.uploaded(key, None, etag, outcome, is_healthy=False)
        if message.malformed is not None:
            key = hostile.key_of(message.malformed)
            self.ledger.uploaded(key, None, None, hostile.MALFORMED, is_healthy=False)
        await publish(self.world, message)

    async def _two_versions(self, key: str, rng: random.Random) -> None:
        notifications = []
        for sequencer in SEQUENCERS:
            data, outcome = rng.choice(self.contents)
            version_id, etag = await asyncio.to_thread(self.storing.put, key, data, user="zoe")
            self.ledger.uploaded(key, version_id, etag, outcome, is_healthy=False)
            notifications.append(self.world.notification(key, sequencer=sequencer, version_id=version_id))
        await self.world.publish(*rng.sample(notifications, 2), topic=IMAGE_UPLOADS)

    async def _in_threads(
        self, keys: Sequence[str], some: Callable[[Sequence[str], Content], None], rng: random.Random
    ) -> None:
        parts = [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]
        contents = rng.choices(self.contents, k=len(parts))
        with ThreadPoolExecutor(_THREADS, "trouble") as threads:
            await asyncio.to_thread(lambda: list(threads.map(some, parts, contents)))
