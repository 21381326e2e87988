"""What docs/database.md shows as code runs."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from persistence.pool import DatabaseConfig
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store

DOCUMENT = Path(__file__).parents[3] / "docs" / "database.md"


async def test_the_example_of_a_reading_service_runs(
    database: DatabaseConfig,
    store: Store,
    classification: Callable[..., ClassificationRecord],
    rejection: Callable[..., RejectionRecord],
    capsys: pytest.CaptureFixture[str],
) -> None:
    await store.upsert([classification("1"), classification("2", classification="dog", user_name="ben")])
    await store.upsert([], [rejection("3")])
    (example,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page
    newest_and_totals: Callable[[DatabaseConfig], Awaitable[None]] = names["newest_and_totals"]
    await newest_and_totals(database)
    shown = capsys.readouterr().out.splitlines()
    assert sorted(shown[:2]) == ["12:00:00 cat", "12:00:00 rejected"]
    assert shown[2:] == ["3 objects, 1 cats, 1 dogs, 1 rejected"]
