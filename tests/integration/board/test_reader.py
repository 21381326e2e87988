"""The reader's role, which can write nothing, is all that a board needs of the database."""

import psycopg
from playwright.async_api import Browser, expect

from streams.contracts import encode
from tests.board_events import classified
from tests.board_page import PATIENCE_MS, opened
from tests.integration.board.conftest import start_board
from tests.world import World

PASSWORD = "the reader's, for a test"


async def test_the_readers_role_is_enough(world: World, chromium: Browser) -> None:
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE petstream_reader PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
    world.start("sink")
    url = start_board(world, DATABASE_USERNAME="petstream_reader", DATABASE_PASSWORD=PASSWORD)
    async with opened(chromium, url) as page:
        event = classified("uploads/ann/cat.jpg", bucket=world.bucket)
        await world.publish(encode(event), topic="image-classifications")
        await expect(page.card("cat.jpg").locator("dd").last).not_to_have_text("…", timeout=PATIENCE_MS)
        await expect(page.page.locator("#objects")).to_have_text("1", timeout=PATIENCE_MS)
        await page.goto("#/rejections")
        await expect(page.page.locator("#rejections-message")).to_have_text("Nothing is stored that fits.")
        await page.goto("#/records")
        await page.page.locator("#records-table a.open").click()
        await expect(page.page.locator("#story .way li:not(.open-end)")).to_have_count(3)  # nobody told of its upload
