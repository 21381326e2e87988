"""What a run has uploaded so far, and how each must end. May be written to from any thread."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tests.chaos.account import Expected
from tests.chaos.history import Identity, Version


@dataclass
class Ledger:
    """Versions in the order in which they were written."""

    versions: list[Version] = field(default_factory=list)
    taken: set[Identity] = field(default_factory=set)
    """Versions whose message retention took before it was read."""
    _newest: dict[str, Version] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def uploaded(
        self,
        key: str,
        version_id: str | None,
        etag: str | None,
        outcome: str,
        *,
        also: str | None = None,
        is_healthy: bool = True,
    ) -> None:
        """This was written just now, and is newer than all before it under its key."""
        version = Version(key, version_id, etag, outcome, time.time(), also, is_healthy)
        with self._lock:
            self.versions.append(version)
            self._newest[key] = version

    def take(self, identities: Iterable[Identity]) -> None:
        """These will not be read by anybody: their messages are gone."""
        self.taken.update(identities)

    def expected(self) -> dict[str, Expected]:
        """How each object must end, by key."""
        with self._lock:
            newest = dict(self._newest)
        return {key: self._expected(version) for key, version in newest.items()}

    def _expected(self, version: Version) -> Expected:
        wanted = Expected(version.version_id, version.outcome, version.etag, version.also)
        if version.identity not in self.taken:
            return wanted
        # What reconcile enqueues names no version, and it leaves alone what has the outcome of equal bytes.
        return replace(wanted, is_any_version=True, may_be_absent=version.also is not None or version.etag is None)
