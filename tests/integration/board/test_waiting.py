"""Work that waits, on real parts: for another attempt, and for processes that were killed."""

import re

import pytest
from playwright.async_api import Browser, expect

from deploy.local.pipeline import Worker
from streams.retry.attempt import Attempt
from tests.board_events import NOON
from tests.board_page import PATIENCE_MS, opened
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = {"RETRY_DELAYS": "60,600,3600"}
UPLOADS = 40
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


@pytest.fixture(scope="module")
def workers(module_world: World) -> list[Worker]:
    """A bridge and a classifier, for the first test; the second kills them."""
    return module_world.start("bridge", "classify", env=HOUR)


@pytest.fixture(scope="module")
def board_url(module_world: World, workers: list[Worker]) -> str:
    assert all(worker.process.is_running for worker in workers)
    return start_board(module_world, DATABASE_HOST="", **HOUR)


async def test_a_parked_upload_says_what_it_waits_for(module_world: World, board_url: str, chromium: Browser) -> None:
    world = module_world
    async with opened(chromium, board_url) as page:
        await world.publish(world.notification("uploads/ann/gone.jpg", sequencer="1"))
        card = page.card("gone.jpg")
        await expect(card.locator(".chip:not(.unsure)")).to_have_text("waits: missing", timeout=PATIENCE_MS)
        await expect(page.page.locator("#live-title")).to_have_text(
            "1 upload waits for another attempt", timeout=PATIENCE_MS
        )
        await expect(page.page.locator("#w-parked")).to_have_text("1")
        await expect(page.page.locator("#parked")).to_have_text("missing1")
        await card.click()
        details = page.page.locator("#details")
        await expect(details.locator(".parked")).to_have_text(
            re.compile(r"^It waits for its next attempt at \d\d:\d\d:\d\d, because the store answered 404 NoSuchKey\b")
        )
        await expect(details).to_contain_text(re.compile(r"1 attempt so far; the first ended at \d\d:\d\d:\d\d\."))
        await expect(details.locator(".facts")).to_contain_text("image-uploads-retry-1m:")

        made = Attempt(3, NOON, "failed", HOSTILE, "image-uploads", 0, 0)
        for key in ("uploads/eve/x.jpg", "uploads/eve/y.jpg"):
            body = world.notification(key, sequencer="1")
            place = f"{world.bucket}/{key}".encode()
            await world.publish(body, topic="image-uploads-retry-1h", headers=made.headers(), key=place)
        await page.page.keyboard.press("Escape")
        await expect(page.page.locator("#parked")).to_have_text("failed2missing1", timeout=PATIENCE_MS)
        await page.card("y.jpg").click()
        await expect(details.locator(".parked")).to_contain_text(  # others' words stay text
            "because petstream failed on it: <img src=x onerror=alert(1)>\ufffd"
        )


async def test_what_was_killed_is_named_with_since_when_and_how_long_the_oldest_upload_waits(
    module_world: World, workers: list[Worker], board_url: str, chromium: Browser, chelsea: bytes
) -> None:
    world = module_world
    async with opened(chromium, board_url) as page:
        for worker in workers:
            worker.process.kill()
        await world.publish(*(world.notification(f"uploads/bea/{number}.png") for number in range(2)))
        for number in range(UPLOADS):
            world.put(f"uploads/ann/{number}.png", chelsea)
        await expect(page.page.locator("#w-queue")).to_have_text(str(UPLOADS), timeout=PATIENCE_MS)
        assert await page.page.locator("#live-title").inner_text() != "All is well"
        await expect(page.page.locator("#live-title")).to_have_text(
            "No bridge and no classifier is working", timeout=PATIENCE_MS
        )
        await expect(page.page.locator("#live-note")).to_have_text(
            re.compile(rf"^{UPLOADS + 5} uploads wait, the oldest for \d+ days\. Nothing is lost"),
            timeout=PATIENCE_MS,
        )
        await expect(page.banner).to_have_text(
            [
                re.compile(r"^Bridge: reports nothing \(killed, frozen or cut off from Kafka\), since \d\d:\d\d\."),
                re.compile(r"^Classifier: reports nothing \((killed|frozen).*\), since \d\d:\d\d\."),
            ]
        )
        assert await page.page.title() == "▲ No bridge and no classifier is working · petstream"
