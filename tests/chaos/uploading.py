"""Uploads from several threads, evenly over a time; each object's versions one after the other."""

import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.chaos.account import Expected
from tests.chaos.history import Version
from tests.chaos.plan import Upload

THREADS = 4


@dataclass
class Uploading:
    """``put`` stores an object and gives its version and its etag. What was uploaded is in ``versions``."""

    put: Callable[[str, bytes], tuple[str, str]]
    versions: list[Version] = field(default_factory=list)
    expected: dict[str, Expected] = field(default_factory=dict)
    """The newest version by key."""

    def run(self, uploads: Sequence[Upload], seconds: float) -> None:
        """Upload everything, in ``seconds`` or as fast as it goes."""
        began = time.monotonic()
        pace = seconds / max(1, len(uploads))

        def lane(number: int) -> None:
            for place, upload in enumerate(uploads):
                if zlib.crc32(upload.key.encode()) % THREADS == number:
                    time.sleep(max(0.0, began + place * pace - time.monotonic()))
                    self._upload(upload)

        with ThreadPoolExecutor(THREADS, "upload") as threads:
            list(threads.map(lane, range(THREADS)))

    def _upload(self, upload: Upload) -> None:
        at = time.time()
        version_id, etag = self.put(upload.key, upload.data)
        self.versions.append(Version(upload.key, version_id, etag, upload.outcome, at))
        self.expected[upload.key] = Expected(version_id, upload.outcome, etag)
