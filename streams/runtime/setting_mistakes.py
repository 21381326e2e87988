"""Says in plain words why the value of a setting or an option is refused, instead of in pydantic's. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import SecretStr
from pydantic_core import ErrorDetails

_SHOWN_CHARS: Final = 60


def mistake_text(mistake: ErrorDetails) -> str:
    """The reason for which a value is refused, without its name. A secret is not quoted."""
    words = _WORDS.get(mistake["type"])
    return "cannot be used" if words is None else words(quoted(mistake["input"]), mistake.get("ctx", {}))


def quoted(value: object) -> str:
    """The value in quotes, shortened and with control characters escaped."""
    text = str(value)
    if isinstance(value, SecretStr) or "@" in text:  # a URL may hold a password
        return "the value"
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")


def _number(value: float) -> str:
    return f"{int(value) if value == int(value) else value:,}"


def _any_of(value: str, context: Mapping[str, Any]) -> str:
    names = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    return f"{value} is not one of {names}"


_NO_URL: Final = "is no URL such as https://host:9000"
_WORDS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], str]]] = {
    "missing": lambda _value, _context: "is not set",
    "value_error": lambda _value, context: str(context["error"]),
    "int_parsing": lambda value, _context: f"{value} is not a whole number",
    "int_parsing_size": lambda value, _context: f"{value} is too large",
    "float_parsing": lambda value, _context: f"{value} is not a number",
    "finite_number": lambda value, _context: f"{value} is not a number",
    "bool_parsing": lambda value, _context: f"{value} is neither true nor false",
    "literal_error": _any_of,
    "greater_than": lambda value, context: f"{value} is not above {_number(context['gt'])}",
    "greater_than_equal": lambda value, context: f"{value} is below {_number(context['ge'])}",
    "less_than": lambda value, context: f"{value} is not below {_number(context['lt'])}",
    "less_than_equal": lambda value, context: f"{value} is above {_number(context['le'])}",
    "string_pattern_mismatch": lambda value, _context: f"{value} is not a SHA-256 checksum: 64 hexadecimal digits",
    "string_too_long": lambda value, context: f"{value} has more than {context['max_length']} characters",
    "url_parsing": lambda value, _context: f"{value} {_NO_URL}",
    "url_scheme": lambda value, _context: f"{value} {_NO_URL}",
    "url_too_long": lambda value, _context: f"{value} {_NO_URL}",
}
"""By pydantic's type of error; the functions get the quoted value and the context of the error."""
