"""Which events came before: a memory of the last ones. Pure."""

import hashlib
from collections import OrderedDict
from typing import Final

ID_CHARS: Final = 256
"""Ours have less than 200. Longer ones are remembered by their hash: anybody may write a header of a megabyte."""


class Repeats:
    """Remembers the ids of as many events as told, those that were asked about last."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_repeat(self, ce_id: str) -> bool:
        """Whether this id was asked about before; from now on it was."""
        if len(ce_id) > ID_CHARS:
            ce_id = hashlib.sha256(ce_id.encode(errors="replace")).hexdigest()
        repeat = ce_id in self._seen
        self._seen[ce_id] = None
        self._seen.move_to_end(ce_id)
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return repeat
