"""The board asks seldom while nobody looks, and at once when somebody comes."""

import asyncio

import pytest

from streams.board.pace import pause


async def test_a_viewer_ends_a_long_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await pause(lambda: True, watched_seconds=2, unwatched_seconds=30)
    assert sum(slept) == 2
    slept.clear()
    await pause(lambda: False, watched_seconds=2, unwatched_seconds=30)
    assert sum(slept) == 30
    slept.clear()
    await pause(lambda: sum(slept) >= 5, watched_seconds=2, unwatched_seconds=30)
    assert sum(slept) == 5
