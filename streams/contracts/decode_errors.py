"""Says in plain words why JSON could not be read as a message of the expected form. Pure."""

import re
from typing import Final

import msgspec

_MISSING: Final = re.compile(r"missing required field `([^`]*)`(?: - at `\$\.?([^`]*)`)?\Z")
_WRONG: Final = re.compile(r"at `\$\.?([^`]*)`\Z")


def decode_error_text(error: msgspec.DecodeError) -> str:
    """What is wrong, with the path of the field: msgspec's phrases name Python's and its own types."""
    if not isinstance(error, msgspec.ValidationError):
        return "it is not JSON"
    if missing := _MISSING.search(str(error)):
        return f"the field {'.'.join(filter(None, (missing[2], missing[1])))} is missing"
    wrong = _WRONG.search(str(error))
    return f"the field {wrong[1]} has a wrong value" if wrong and wrong[1] else "it does not have the expected form"
