"""Uploads at a steady rate, and what must become of them."""

import random
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from streams.contracts.identity import image_id
from tests.world import World

CHANGING: Final = 12
"""Keys that are overwritten again and again; every other upload has a key of its own."""
EACH_SECONDS: Final = 0.15


@dataclass
class SteadyUploads:
    """Uploads at a steady rate: new keys, keys that change, and now and then something that is no picture."""

    world: World
    pictures: Mapping[str, bytes]
    expected: dict[str, str] = field(default_factory=dict)
    """By key: the outcome of its last upload."""
    _random: random.Random = field(default_factory=lambda: random.Random(21))

    @contextmanager
    def running(self) -> Iterator[None]:
        ended = threading.Event()
        failures: list[Exception] = []

        def upload() -> None:
            while not ended.wait(EACH_SECONDS):
                try:
                    self._one()
                except Exception as error:  # noqa: BLE001 - raised below, in the test's thread
                    failures.append(error)
                    return

        thread = threading.Thread(target=upload)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if failures:
            raise failures[0]

    def ids(self) -> set[str]:
        """Of all objects, as in events."""
        return {str(image_id(self.world.bucket, key)) for key in self.expected}

    def _one(self) -> None:
        number = len(self.expected)
        changes = self._random.random() < 0.5
        key = f"uploads/ann/changing-{self._random.randrange(CHANGING)}" if changes else f"uploads/bob/{number}.jpg"
        outcome = self._random.choices(list(self.pictures), weights=[10, 5, 1])[0]
        self.world.put(key, self.pictures[outcome] + uuid.uuid4().bytes)  # each upload has bytes of its own
        self.expected[key] = outcome
