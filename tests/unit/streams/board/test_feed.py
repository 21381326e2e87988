"""Viewers: their number, their revisions, and that a viewer who reads nothing holds nothing."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request

from streams.board.feed import Feed
from streams.board.state import Board
from tests.board_events import after, classified

pytestmark = pytest.mark.usefixtures("virtual_time")


@pytest.fixture(autouse=True)
def _frames_come_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.board.feed.FRAME_SECONDS", 0.02)


def request(query: str = "", **headers: str) -> Request:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": sent})


class Viewer:
    """Takes so many pieces of a stream and then hangs, as a page that no longer reads."""

    def __init__(self, feed: Feed, query: str = "", takes: int = 1000) -> None:
        self._feed, self._query, self._takes = feed, query, takes
        self.pieces: list[bytes] = []
        self._left = asyncio.Event()

    async def look(self) -> None:
        answer = await self._feed.answer(request(self._query))
        await answer({"type": "http", "method": "GET"}, self._receive, self._send)

    def leave(self) -> None:
        self._left.set()

    @property
    def frames(self) -> list[dict[str, Any]]:
        lines = b"".join(self.pieces).decode().splitlines()
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    @property
    def last_id(self) -> str:
        lines = b"".join(self.pieces).decode().splitlines()
        return [line.removeprefix("id: ") for line in lines if line.startswith("id: ")][-1]

    async def _receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if len(self.pieces) >= self._takes:
            await asyncio.Event().wait()
        self.pieces.append(message.get("body", b""))


def add(board: Board, *numbers: int) -> None:
    for number in numbers:
        board.decided(classified(f"uploads/ann/{number}.jpg"), after(260))


async def until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_viewer_that_comes_back_gets_what_it_missed_and_one_of_another_process_everything() -> None:
    board = Board(1000)
    add(board, 1, 2)
    feed = Feed(board, 5)
    viewer = Viewer(feed)
    looking = asyncio.create_task(viewer.look())
    await until(lambda: viewer.frames)
    viewer.leave()
    await looking
    add(board, 3)
    for query, keys in ((f"after={viewer.last_id}", ["3"]), ("after=0badcafe.2", ["1", "2", "3"])):
        again = Viewer(feed, query)
        looking = asyncio.create_task(again.look())
        await until(lambda again=again: again.frames)
        again.leave()
        await looking
        assert [each["key"].split("/")[-1][:-4] for each in again.frames[0]["pictures"]] == keys


async def test_there_are_only_so_many_viewers_and_who_leaves_makes_room() -> None:
    feed = Feed(Board(100), 2)
    viewers = [Viewer(feed), Viewer(feed)]
    looking = [asyncio.create_task(viewer.look()) for viewer in viewers]
    await until(lambda: all(viewer.frames for viewer in viewers))
    assert (await feed.answer(request())).status_code == 503
    viewers[0].leave()
    await looking[0]
    assert feed.viewers == 1
    assert (await feed.answer(request())).status_code == 200
    viewers[1].leave()
    await looking[1]


async def test_a_viewer_that_takes_nothing_is_let_go_and_held_up_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr("streams.board.feed.STUCK_SECONDS", 0.5)
    board = Board(100_000)
    feed = Feed(board, 5)
    stuck, well = Viewer(feed, takes=2), Viewer(feed)
    hanging, looking = asyncio.create_task(stuck.look()), asyncio.create_task(well.look())
    await until(lambda: stuck.frames and well.frames)
    add(board, *range(20_000))
    await until(lambda: any(frame.get("missed") for frame in well.frames))
    await until(hanging.done)  # without an error
    await hanging
    assert feed.viewers == 1
    assert len(stuck.pieces) == 2
    well.leave()
    await looking


async def test_a_burst_reaches_a_viewer_as_few_frames() -> None:
    board = Board(10_000)
    feed = Feed(board, 5)
    viewer = Viewer(feed)
    looking = asyncio.create_task(viewer.look())
    await until(lambda: viewer.frames)
    for start in range(0, 3000, 100):
        add(board, *range(start, start + 100))
        await asyncio.sleep(0.001)
    await until(lambda: viewer.frames[-1]["seen"].get("cat") == 3000)
    assert len(viewer.frames) < 12
    assert all(len(frame.get("pictures", [])) <= 60 for frame in viewer.frames)
    viewer.leave()
    await looking


async def test_the_end_of_the_process_ends_every_stream() -> None:
    feed = Feed(Board(100), 5)
    viewer = Viewer(feed)
    looking = asyncio.create_task(viewer.look())
    await until(lambda: viewer.frames)
    feed.close()
    async with asyncio.timeout(60):
        await looking
    assert feed.viewers == 0


async def test_a_frame_comes_now_and_then_though_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a page could not tell a quiet pipeline from a frozen board."""
    monkeypatch.setattr("streams.board.feed.QUIET_SECONDS", 0.05)
    feed = Feed(Board(100), 5)
    viewer = Viewer(feed)
    looking = asyncio.create_task(viewer.look())
    await until(lambda: len(viewer.frames) >= 3)
    viewer.leave()
    await looking
