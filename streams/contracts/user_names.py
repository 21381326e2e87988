"""Whose picture it is: object metadata, then the key's pattern, then the default. Pure."""

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
    """No usable user name; the message says why."""


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """
    A key's pattern such as ``uploads/{user_name}/{name}``: the user is one path segment, other fields are any text.

    Raises:
        ValueError: if the pattern has no ``{user_name}``.
    """

    pattern: str

    def __post_init__(self) -> None:
        if _FIELD.findall(self.pattern).count("user_name") != 1:
            raise ValueError("the key pattern names {user_name} exactly once, as in uploads/{user_name}/{name}")

    def user_name(self, key: str) -> str | None:
        """The user that a key names; None if the key does not fit the pattern."""
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
        NoUserError: if nothing names a user, or what does cannot be stored.
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
        # RFC 2047 lets metadata choose a charset, and some of Python's (utf-7) decode to what UTF-8 cannot express.
        raise NoUserError("the user name contains a lone surrogate, which neither JSON nor PostgreSQL can hold")
    return name


def _decoded(value: str) -> str:
    """S3 gives metadata that is not ASCII in the form of RFC 2047: ``=?UTF-8?Q?Zo=C3=AB?=``."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value
