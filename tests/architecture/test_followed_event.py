"""The README names the files that an event passes: one event is sent from the queue to the row, and traced."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from tests import followed_event
from tests.architecture.documents import text

SHARED: Final = ("contracts", "notifications", "runtime", "kafka", "consumer", "retry")
"""The rooms of streams that all stages share."""
HANDED_ON: Final = ("kafka", "consumer")
"""Those of them that take the event and hand it on. The README names their files after the list."""


def section() -> str:
    """The README's chapter."""
    return text("README.md").partition("\n## Follow one event\n")[2].partition("\n## ")[0]


def is_pure(path: str) -> bool:
    """Whether the module's docstring says that it only turns values into values; then nothing in it may wait."""
    tree = ast.parse(Path(path).read_text())
    says_so = "Pure." in (ast.get_docstring(tree) or "")
    return says_so and not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))


def is_in(path: str, rooms: tuple[str, ...]) -> bool:
    """Whether the file stands in one of these rooms of streams."""
    return path.startswith(tuple(f"streams/{room}/" for room in rooms))


async def test_the_readme_names_each_file_that_an_event_passes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = list(await followed_event.follow(monkeypatch))
    counted = [path for path in passed if not is_in(path, SHARED) and not is_pure(path)]
    assert re.findall(r"^\d+\. `([\w/]+\.py)` .", section(), re.MULTILINE) == counted
    assert len(counted) <= 12
    _, _, after = section().partition("Four shared files")
    assert set(re.findall(r"`([\w/]+\.py)`", after)) == {path for path in passed if is_in(path, HANDED_ON)}
