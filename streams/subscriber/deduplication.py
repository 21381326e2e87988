"""Deduplication by event id, over the last events. Pure."""

import hashlib
from collections import OrderedDict
from typing import Final

ID_CHARS: Final = 256
"""Our ids have fewer than 200. Longer ones, which any producer may send, are remembered by their SHA-256."""


class Deduplicator:
    """Remembers the ids of the last ``remembered`` events (LRU)."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_duplicate(self, ce_id: str) -> bool:
        """Whether this id was seen before. Remembers it."""
        if len(ce_id) > ID_CHARS:
            ce_id = hashlib.sha256(ce_id.encode(errors="replace")).hexdigest()
        is_known = ce_id in self._seen
        self._seen[ce_id] = None
        self._seen.move_to_end(ce_id)
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return is_known
