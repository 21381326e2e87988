"""A real Chromium, and the board of a world in it."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
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


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        cannot_run(f"no browser: looked for {', '.join(NAMES)}")
    unsandboxed = ["--no-sandbox"] if os.getuid() == 0 else []  # root has no sandbox of Chromium's
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=ARGUMENTS + unsandboxed)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def running(module_world: World) -> tuple[World, str]:
    """A world with the whole pipeline and a board that takes uploads; and the board's URL."""
    module_world.start("bridge", "classify", "sink")
    return module_world, start_board(module_world, BOARD_UPLOADS="true")


def start_board(world: World, **env: str) -> str:
    """Start a board in a world; its URL."""
    port = free_port()
    world.start("board", env={"BOARD_PORT": str(port)} | env)
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
async def page(running: tuple[World, str], chromium: Browser) -> AsyncIterator[BoardPage]:
    async with opened(chromium, running[1]) as found:
        yield found


@pytest.fixture
def browser_options() -> dict[str, Any]:
    """A phone, as Playwright describes one."""
    return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
