"""
Conditions that find a row by a part of the user's name or of the file's name. Pure.

The expressions are those of the indexes of migration 0016, on a table that the statement calls r. Their text is
"user/file", so "ann/cat" finds both at once. An index of trigrams needs three characters in a row, or fewer at an end
of a word.
"""

from __future__ import annotations

import re
from typing import Final

PART_CHARS: Final = 255
CLASSIFICATION_NAMES: Final = "(r.user_name || '/' || split_part(r.source_key, '/', -1))"
REJECTION_NAMES: Final = "(coalesce(r.user_name, '') || '/' || split_part(r.source_key, '/', -1))"

# A part with one of these has a whole trigram, whatever stands before and after it.
_TRIGRAM: Final = re.compile(r"[^\W_]{3}|[^\W_]{2}[\W_]|[\W_][^\W_]")
_SPECIAL: Final = re.compile(r"[\\%_]")


def is_searchable(part: str) -> bool:
    """Whether it has a letter or digit and is short enough. Text without one is in no index."""
    return len(part) <= PART_CHARS and any(char.isalnum() for char in part)


def patterns(part: str) -> tuple[str, ...]:
    """
    The patterns of ILIKE of which a row matches at least one. Case is ignored.

    One or two letters are looked for at the beginnings of both names, since only there an index knows them.
    """
    escaped = _SPECIAL.sub(r"\\\g<0>", part)
    return (f"%{escaped}%",) if _TRIGRAM.search(part) else (f"{escaped}%", f"%/{escaped}%")


def condition(names: str, first: int, count: int) -> str:
    """The condition on the names (``CLASSIFICATION_NAMES``, ``REJECTION_NAMES``): ``count`` patterns from $first on."""
    return f"({' OR '.join(f'{names} ILIKE ${first + number}' for number in range(count))})"
