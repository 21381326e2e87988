"""A board without a database, and one without a sink: what is left works, and it says what is missing."""

import re

import pytest
from playwright.async_api import Browser, expect

from streams.contracts import encode
from tests.board_events import classified
from tests.board_page import PATIENCE_MS, opened
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_without_a_database_the_live_part_works_and_says_so(world: World, chromium: Browser) -> None:
    url = start_board(world, DATABASE_HOST="")
    async with opened(chromium, url) as page:
        event = classified("uploads/ann/cat.jpg", bucket=world.bucket)
        await world.publish(encode(event), topic="image-classifications")
        await expect(page.card("cat.jpg").locator(".chip:not(.unsure)")).to_have_text("cat", timeout=PATIENCE_MS)
        await expect(page.page.locator("#out-of")).to_have_text("seen here")
        await page.page.evaluate("location.hash = '#/records'")
        await expect(page.page.locator("#records-message")).to_contain_text("No database is configured")
        await page.page.evaluate(f"location.hash = '#/picture/{event.id}'")
        await expect(page.page.locator("#details")).to_contain_text("98.7 %")


async def test_a_board_that_cannot_see_what_waits_does_not_say_that_all_is_well(
    world: World, chromium: Browser
) -> None:
    url = start_board(world, DATABASE_HOST="", KAFKA_TOPIC_PREFIX=f"{world.prefix}nobody.", SQS_QUEUE_URL="")
    async with opened(chromium, url) as page:
        await expect(page.page.locator("#live-title")).to_have_text("The lag is unknown", timeout=PATIENCE_MS)
        await expect(page.page.locator("#w-uploads")).to_have_text("unknown")


async def test_results_that_nobody_stores_are_reported_though_no_sink_ever_reported(
    world: World, chromium: Browser
) -> None:
    url = start_board(world)
    async with opened(chromium, url) as page:
        events = [encode(classified(f"uploads/ann/{n}.jpg", bucket=world.bucket)) for n in range(7)]
        await world.publish(*events, topic="image-classifications")
        await expect(page.banner).to_have_text(
            re.compile(r"^Sink: none has been in its consumer group, since \d\d:\d\d\."), timeout=PATIENCE_MS
        )
        await expect(page.page.locator("#live-title")).to_have_text("No sink is working")
        await expect(page.page.locator("#live-note")).to_contain_text("7 results wait to be stored")
        world.start("sink")
        await expect(page.banner).to_have_count(0, timeout=PATIENCE_MS)
