"""The demo's settings as a file for `source` in a second terminal. Only its owner can read it: it has passwords."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MODE: Final = 0o600
_HEAD: Final = "# The settings of the running petstream demo. It has secrets. The demo removes it when it ends.\n"


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write a shell file that exports the settings. Raises FileExistsError if there is a file already."""
    path.touch(MODE, exist_ok=False)
    path.write_text(_HEAD + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))
