"""Uploads from several threads, evenly over a time; each object's versions one after the other."""

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.chaos.clock import Clock
from tests.chaos.plan import Upload

THREADS = 4


@dataclass
class Uploading:
    """``upload`` stores one; ``turn`` returns when there is room for another one."""

    upload: Callable[[Upload], None]
    turn: Callable[[], None] = lambda: None

    def run(self, uploads: Sequence[Upload], seconds: float, clock: Clock) -> None:
        """Upload everything, until the clock says ``seconds`` or as fast as it goes."""
        pace = seconds / max(1, len(uploads))

        def lane(number: int) -> None:
            for place, upload in enumerate(uploads):
                if zlib.crc32(upload.key.encode()) % THREADS == number:
                    clock.reach_in_thread(place * pace)
                    self.turn()
                    self.upload(upload)

        with ThreadPoolExecutor(THREADS, "upload") as threads:
            list(threads.map(lane, range(THREADS)))
