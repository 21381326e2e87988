"""Other people's text for a person's eyes: keys, names and details cannot drive a terminal. Pure."""

import unicodedata
from typing import Final

REPLACEMENT: Final = "�"
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (turns the direction of writing), surrogate, private, unassigned, separators."""


def is_shown(char: str) -> bool:
    """Whether a terminal shows the character, instead of obeying it."""
    return unicodedata.category(char) not in _HIDDEN


def printable(value: object) -> str:
    """The value as text that cannot drive a terminal: every character that shows nothing becomes U+FFFD."""
    text = "" if value is None else str(value)
    return "".join(char if is_shown(char) else REPLACEMENT for char in text)
