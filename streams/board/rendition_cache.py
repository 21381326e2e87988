"""Renditions and refusals that were made already, up to a limit of bytes; the one used longest ago goes first. Pure."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from streams.board.objects import ObjectVersion

ENTRY_BYTES: Final = 4096
"""What an entry costs besides its picture: a key has up to 1 KiB in UTF-8. So the limit of bytes bounds the count."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one version of an object."""

    etag: str
    """Of the object; empty if the object is to be read again in any case."""
    jpeg: bytes
    """Empty if there is none."""
    refusal: str
    """Why there is none."""
    fresh_until: float
    """Until this moment the store is not asked whether the object changed. Seconds, monotonic."""

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return len(self.jpeg) + ENTRY_BYTES


class RenditionCache:
    """At most ``max_bytes``, and so at most ``max_bytes`` / ENTRY_BYTES entries."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[ObjectVersion, Entry] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, place: ObjectVersion) -> Entry | None:
        """The entry of an object."""
        entry = self._entries.get(place)
        if entry is not None:
            self._entries.move_to_end(place)
        return entry

    def put(self, place: ObjectVersion, entry: Entry) -> None:
        """Keep an entry in the place of the object's former one."""
        self.drop(place)
        self._entries[place] = entry
        self.bytes += entry.size
        while self.bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.size

    def drop(self, place: ObjectVersion) -> None:
        """Forget an object."""
        former = self._entries.pop(place, None)
        if former is not None:
            self.bytes -= former.size
