"""The last hour and day, on a board that was started after it all."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Locator, expect

from streams.contracts import encode
from tests.board_events import classified, rejected
from tests.board_page import PATIENCE_MS, opened
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 1_500
"""More than a board reads of a topic before its end (streams/board/topic_reader.py)."""


async def test_a_board_that_was_just_started_draws_the_last_hour_and_day(world: World, chromium: Browser) -> None:
    now = datetime.now(UTC)
    lately, long_ago = now - timedelta(minutes=30), now - timedelta(hours=10)
    old = [encode(rejected(f"uploads/ben/{n}.jpg", bucket=world.bucket, reason="not_a_pet")) for n in range(500)]
    await world.publish(*old, topic="image-rejections", at=long_ago)
    new = [encode(classified(f"uploads/ann/{n}.jpg", bucket=world.bucket, uploaded_at=lately)) for n in range(MANY)]
    await world.publish(*new, topic="image-classifications", at=lately)
    url = start_board(world, DATABASE_HOST="")
    async with opened(chromium, url) as page:

        def caption(chart: str) -> Locator:
            return page.page.locator(f"#chart-{chart} .caption")

        await expect(caption("results")).to_have_text("1,500 results, at most 1,500 in a minute", timeout=PATIENCE_MS)
        await expect(caption("outcomes")).to_have_text("100 % cats")
        await expect(caption("latency")).to_have_text(re.compile(r"^p50 at most 2\d\d ms, p95 2\d\d ms at \d\d:\d\d$"))
        await expect(caption("waiting")).to_have_text(re.compile(r"; no news before \d\d:\d\d"), timeout=PATIENCE_MS)
        assert await page.page.locator("#chart-results .gap").get_attribute("d") == ""
        assert await page.page.locator("#chart-waiting .gap").get_attribute("d") != ""

        await page.page.locator("input[value=hour]").focus()
        await page.page.keyboard.press("ArrowRight")
        await expect(caption("results")).to_have_text("2,000 results, at most 1,500 in 15 min")
        await expect(caption("outcomes")).to_have_text("75 % cats, 25 % not a pet")
        await page.page.locator("#chart-results svg").hover(position={"x": 3, "y": 20})
        await expect(caption("results")).to_have_text(re.compile(r"\d\d:\d\d: 0 results$"))

        await page.page.locator("#figures summary").focus()
        await page.page.keyboard.press("Enter")
        await expect(page.page.locator("#figures tbody tr")).to_have_count(97)
        await expect(page.page.locator("#figures tr", has_text="1,500")).to_have_count(1)

        await page.page.mouse.move(0, 0)
        cards = page.page.locator("#grid a.card p.name")
        order = await cards.all_inner_texts()
        again = classified(await cards.nth(5).get_attribute("title") or "", bucket=world.bucket, version=2)
        await world.publish(encode(again), topic="image-classifications")
        await expect(caption("results")).to_have_text(re.compile("2,001"), timeout=PATIENCE_MS)
        await page.page.reload()
        await expect(cards).to_have_text(order)
