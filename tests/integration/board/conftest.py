"""
A real Chromium, and a board on the running pipeline in it: one of each for all tests of a process.

They live in the loop of the session, and so do the tests that use them: ``pytestmark`` says so in each file.
"""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from deploy.local.ports import free_port
from tests.absent import cannot_run
from tests.board_page import BoardPage, opened
from tests.world import World

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READER = "petstream_reader"
PASSWORD = f"of {READER}"
"""Of a role of the whole cluster, so it is the one that the tests of roles give it, too."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        cannot_run(f"no browser: looked for {', '.join(NAMES)}")
    unsandboxed = ["--no-sandbox"] if os.getuid() == 0 else []  # root has no sandbox of Chromium's
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=ARGUMENTS + unsandboxed)
        yield browser
        await browser.close()


def start_board(world: World, **env: str) -> str:
    """Start a board in a world; its URL."""
    port = free_port()
    world.start("board", env={"BOARD_PORT": str(port)} | env)
    return f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="session")
def board(running: World, chelsea: bytes) -> str:
    """The URL of a board that takes uploads, is only a reader of the database, and has something to show."""
    with psycopg.connect(running.dsn, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {READER} PASSWORD '{PASSWORD}'".encode())
    reads_only = {"DATABASE_USERNAME": READER, "DATABASE_PASSWORD": PASSWORD}
    url = start_board(running, BOARD_UPLOADS="true", **reads_only)
    shown = {"uploads/bea/shown.png": chelsea, "uploads/bea/broken.png": chelsea[:3000]}
    for key, data in shown.items():
        running.put(key, data)
    running.wait_outcomes(*shown)
    return url


@pytest_asyncio.fixture(loop_scope="session")
async def page(board: str, chromium: Browser) -> AsyncIterator[BoardPage]:
    async with opened(chromium, board) as found:
        yield found


@pytest.fixture
def browser_options() -> dict[str, Any]:
    """A phone, as Playwright describes one."""
    return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
