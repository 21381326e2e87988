"""Makes untrusted text (keys, names, details) safe to print on a terminal. Pure."""

import unicodedata
from typing import Final

REPLACEMENT: Final = "�"
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (changes the text direction), surrogate, private, unassigned, separators."""


def is_shown(char: str) -> bool:
    """Whether a terminal displays the character rather than interpreting it."""
    return unicodedata.category(char) not in _HIDDEN


def printable(value: object) -> str:
    """The value as text without terminal control: every character that is not displayed becomes U+FFFD."""
    text = "" if value is None else str(value)
    return "".join(char if is_shown(char) else REPLACEMENT for char in text)
