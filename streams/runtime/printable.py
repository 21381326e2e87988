r"""
Makes untrusted text (keys, names, details) safe to print on a terminal, and keeps it unambiguous. Pure.

A character that a terminal would interpret, or that nobody can see, is written as JSON writes it: ``\u001b``. Where
the text itself has a backslash that could be mistaken for such an escape, it is doubled. All other text stays as it is.
"""

import re
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (changes the text direction), surrogate, private, unassigned, separators."""
_BACKSLASHES: Final = re.compile(r"\\+")
_ESCAPE: Final = re.compile(r"u[0-9a-fA-F]{4}")


def is_shown(char: str) -> bool:
    """Whether a terminal displays the character rather than interpreting it."""
    return unicodedata.category(char) not in _HIDDEN


def escape(char: str) -> str:
    r"""The character as JSON escapes it: ``\u`` and four hexadecimal digits for each unit of UTF-16."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class Printable(str):
    """Text without terminal control. ``printable`` leaves it as it is, so backslashes are not doubled twice."""

    __slots__ = ()


def printable(value: object) -> Printable:
    """The value as text without terminal control; None is empty. Different texts stay different."""
    if isinstance(value, Printable):
        return value
    text = "" if value is None else str(value)

    def doubled(found: re.Match[str]) -> str:
        following = text[found.end() : found.end() + 1]
        is_needed = _ESCAPE.match(text, found.end()) or (following and not is_shown(following))
        return 2 * found[0] if is_needed else found[0]

    return Printable("".join(char if is_shown(char) else escape(char) for char in _BACKSLASHES.sub(doubled, text)))
