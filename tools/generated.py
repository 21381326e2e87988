"""Writes generated documents, or compares them with ``--check``."""

import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_check(pages: Mapping[Path, str], generator: str) -> None:
    """
    Write the pages that differ; with ``--check`` on the command line, exit with their names instead.

    ``generator`` is the module that writes them.
    """
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date, run python -m {generator}: {', '.join(str(path) for path in stale)}")
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")
