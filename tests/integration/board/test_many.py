"""Ten thousand results: the page stays small and quick, and every one can be found, page by page."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser, expect

from streams.contracts import encode
from tests.board_events import NOON, classified
from tests.board_page import PATIENCE_MS, opened
from tests.integration.board.conftest import start_board
from tests.world import World

MANY = 10_000

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_page_with_ten_thousand_results_stays_small_and_finds_each(world: World, chromium: Browser) -> None:
    world.start("sink")
    url = start_board(world)
    async with opened(chromium, url) as page:
        events = [
            encode(
                classified(
                    f"uploads/{'ann' if number % 100 else 'ben'}/{number:05}.jpg",
                    bucket=world.bucket,
                    user="ann" if number % 100 else "ben",
                    uploaded_at=NOON + timedelta(seconds=number),
                )
            )
            for number in range(MANY)
        ]
        await world.publish(*events, topic="image-classifications")
        await expect(page.page.locator("#objects")).to_have_text("10,000", timeout=PATIENCE_MS)
        assert await page.page.locator("#grid > li").count() <= 60
        assert await page.page.evaluate("document.querySelectorAll('*').length") < 3000

        await page.goto("#/records?name=ben")
        rows = page.page.locator("#records-table tbody tr")
        await expect(rows).to_have_count(50)
        await expect(rows.first).to_contain_text("09900.jpg")
        seen = set(await rows.locator(".name").all_inner_texts())
        await page.page.get_by_role("button", name="Next").click()
        await expect(rows.first).to_contain_text("04900.jpg")
        await expect(page.page.get_by_role("button", name="Next")).to_be_focused()
        seen |= set(await rows.locator(".name").all_inner_texts())
        assert seen == {f"{number:05}.jpg" for number in range(0, MANY, 100)}
        await expect(page.page.get_by_role("button", name="Next")).to_have_attribute("aria-disabled", "true")
        await page.page.get_by_role("button", name="Previous").click()
        await expect(rows.first).to_contain_text("09900.jpg")

        await page.goto("#/records")
        await expect(rows.first).to_contain_text("09999.jpg")
        for _ in range(5):
            before = await rows.first.inner_text()
            await page.page.get_by_role("button", name="Next").click()
            await expect(rows.first).not_to_have_text(before)
        await expect(rows.first).to_contain_text("09749.jpg")
        await page.page.go_back()
        await expect(rows.first).to_contain_text("09799.jpg")
