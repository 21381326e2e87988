"""The user name of an object: from its metadata, else from the key pattern, else the default. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final

METADATA_KEY: Final = "user-name"
MAX_LENGTH: Final = 255
"""Source: the column classification_records.user_name is VARCHAR(255)."""

_FIELD = re.compile(r"\{(\w+)\}")


class NoUserError(ValueError):
    """There is no usable user name; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """
    A key pattern such as ``uploads/{user_name}/{name}``. The user is one path segment, other fields match any text.

    Raises:
        ValueError: unless the pattern has ``{user_name}`` exactly once.
    """

    pattern: str

    def __post_init__(self) -> None:
        if _FIELD.findall(self.pattern).count("user_name") != 1:
            raise ValueError("the key pattern names {user_name} exactly once, as in uploads/{user_name}/{name}")

    def user_name(self, key: str) -> str | None:
        """The user name in a key; None if the key does not match the pattern."""
        parts = _FIELD.split(self.pattern)  # text, field, text, field, …, text
        expression = "".join(
            re.escape(part) if i % 2 == 0 else "([^/]+)" if part == "user_name" else ".+"
            for i, part in enumerate(parts)
        )
        match = re.fullmatch(expression, key, re.DOTALL)
        return match[1] if match else None


def user_name(key: str, metadata: Mapping[str, str], pattern: KeyPattern, default: str | None) -> str:
    """
    The user name of an object, 1 to 255 characters that PostgreSQL can hold.

    Raises:
        NoUserError: if there is no user name, or it cannot be stored.
    """
    name = _decoded(metadata.get(METADATA_KEY, "")).strip() or pattern.user_name(key) or default
    if not name:
        raise NoUserError(
            f"no metadata {METADATA_KEY!r}, the key does not fit {pattern.pattern!r}, and there is no default"
        )
    if len(name) > MAX_LENGTH:
        raise NoUserError(f"the user name has {len(name):,} characters; {MAX_LENGTH} can be stored")
    if "\x00" in name:
        raise NoUserError("the user name contains a NUL, which cannot be stored")
    if any("\ud800" <= character <= "\udfff" for character in name):
        # RFC 2047 lets metadata name a charset, and some of Python's (utf-7) decode to text that UTF-8 cannot encode.
        raise NoUserError("the user name contains a lone surrogate, which neither JSON nor PostgreSQL can hold")
    return name


def _decoded(value: str) -> str:
    """Decode RFC 2047, in which S3 returns non-ASCII metadata: ``=?UTF-8?Q?Zo=C3=AB?=``."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value
