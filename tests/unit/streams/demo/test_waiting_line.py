"""The demo over a store that the test holds up: what it prints while nothing arrives."""

import asyncio
import io
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from streams.demo import demo
from streams.demo.pictures import SamplePicture
from streams.kafka.scan import Position
from streams.retry.attempt import Attempt
from streams.retry.waiting import Waiting


class SlowStore:
    """boto3's client of a store that answers once it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def put_object(self, **_options: Any) -> None:
        self.released.wait(60)


async def test_the_demo_prints_once_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(_self: object, _following: object) -> None:
        await asyncio.sleep(0.001)

    async def nothing_parked() -> list[Any]:
        return []

    monkeypatch.setattr(demo._Demo, "_look", look)
    monkeypatch.setattr(demo, "find_waiting", nothing_parked)
    monkeypatch.setattr(demo, "QUIET_SECONDS", 0.01)
    store, printed = SlowStore(), io.StringIO()
    stack: Any = SimpleNamespace(environment=lambda: {"S3_BUCKET": "pets"}, objects=SimpleNamespace(s3=store))
    running = demo._Demo(stack, "model.pt", {}, Console(file=printed, width=200))
    sending = asyncio.create_task(running._send([SamplePicture("cat.jpg", b"")], []))
    try:
        async with asyncio.timeout(60):
            while "waiting" not in printed.getvalue():
                await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0.001)
    finally:
        store.released.set()
        sending.cancel()
    assert printed.getvalue().count("waiting 1 not confirmed by the object store. Nothing arrived since ") == 1


async def test_the_demo_that_stays_prints_once_that_work_waits_and_each_parked_upload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed_at = datetime.now(UTC) - timedelta(minutes=1)
    attempt = Attempt(1, failed_at, "missing", "NoSuchKey", "image-uploads", 0, 1)
    parked = Waiting(
        "image-uploads-retry-1m", Position(0, 0), b"pets/uploads/ann/gone.jpg", attempt, failed_at, (), b"{}"
    )
    looks: list[int] = []

    async def look(_self: object, _following: object) -> None:
        looks.append(1)
        await asyncio.sleep(0)

    async def find_waiting() -> list[Waiting]:
        return [parked]

    monkeypatch.setattr(demo._Demo, "_look", look)
    monkeypatch.setattr(demo, "find_waiting", find_waiting)
    headline = {"kind": "bad", "title": "No classifier is working", "note": "3 uploads wait."}
    monkeypatch.setattr(demo, "read_headline", lambda _page: headline)
    monkeypatch.setattr(demo, "QUIET_SECONDS", 0.0)
    printed = io.StringIO()
    stack: Any = SimpleNamespace(environment=dict)
    running = demo._Demo(stack, "model.pt", {}, Console(file=printed, width=200))
    staying = asyncio.create_task(running._stay([]))
    async with asyncio.timeout(60):
        while len(looks) < 5:
            await asyncio.sleep(0.001)
    staying.cancel()
    assert printed.getvalue().splitlines() == [
        f"  waiting s3://pets/uploads/ann/gone.jpg since {failed_at:%Y-%m-%dT%H:%M:%SZ}, missing: NoSuchKey",
        "  page      waiting  No classifier is working. 3 uploads wait.",
    ]
