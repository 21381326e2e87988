"""
The page says so when a process is killed or frozen, or a dependency is; it prints after how many seconds.

The figure is what is printed. The limits here are for slow machines.
"""

import asyncio
from collections.abc import Mapping

import pytest
from playwright.async_api import Browser, expect

from deploy.local.pipeline import Role, Worker
from tests.board_page import PATIENCE_MS, opened, print_seconds
from tests.freezing import freeze_group
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROLES: Mapping[str, Role] = {"bridge": "bridge", "classifier": "classify", "sink": "sink"}


@pytest.fixture(scope="module")
def workers(module_world: World) -> dict[str, Worker]:
    return dict(zip(ROLES, module_world.start(*ROLES.values()), strict=True))


@pytest.fixture(scope="module")
def board_url(module_world: World, workers: dict[str, Worker]) -> str:
    assert all(worker.process.is_running for worker in workers.values())
    return start_board(module_world)


async def test_frozen_and_killed_processes_are_named_within_seconds(
    module_world: World, workers: dict[str, Worker], board_url: str, chromium: Browser, chelsea: bytes
) -> None:
    async with opened(chromium, board_url) as page:
        title, note = page.page.locator("#live-title"), page.page.locator("#live-note")
        await expect(title).to_have_text("All is well", timeout=PATIENCE_MS)
        await expect(page.page.locator("#models")).to_contain_text("in 1 process")
        await expect(page.page.locator("#groups")).to_contain_text("petstream-sink: 1 (127.0.0.1)")

        thaw = [freeze_group(worker.process) for worker in workers.values()]
        took = await asyncio.gather(*(page.seconds_until(name, "away") for name in ROLES))
        print_seconds("frozen", dict(zip(ROLES, took, strict=True)))
        await expect(title).to_have_text("No bridge and no classifier and no sink is working")
        await expect(page.banner).to_have_count(3)
        for each in thaw:
            each()
        took = await asyncio.gather(*(page.seconds_until(name, "works") for name in ROLES))
        print_seconds("thawed", dict(zip(ROLES, took, strict=True)))
        await expect(title).to_have_text("All is well", timeout=PATIENCE_MS)

        for worker in workers.values():
            worker.process.kill()
        for number in range(3):
            module_world.put(f"uploads/ann/{number}.png", chelsea)
        took = await asyncio.gather(*(page.seconds_until(name, "away") for name in ROLES))
        print_seconds("killed", dict(zip(ROLES, took, strict=True)))
        await expect(note).to_contain_text("3 uploads wait", timeout=PATIENCE_MS)
        link = page.component("classifier").locator("a")
        assert await link.get_attribute("href") == "/assets/runbook.html#petstreamdown"

        module_world.start(*ROLES.values())
        await expect(title).to_have_text("All is well", timeout=PATIENCE_MS)
        assert set(module_world.outcomes().values()) == {"cat"}
