"""The reader's role, which can write nothing, is all that a board needs of the database."""

import pytest
from playwright.async_api import expect

from streams.contracts import encode
from tests.board_events import classified
from tests.board_page import PATIENCE_MS, BoardPage
from tests.integration.board.conftest import READER
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_readers_role_is_enough(page: BoardPage, running: World, upload_prefix: str) -> None:
    user = upload_prefix.split("/")[1]
    event = classified(f"{upload_prefix}cat.jpg", user=user, bucket=running.bucket)
    await running.publish(encode(event), topic="image-classifications")
    card = page.page.locator(f'a.card[href$="{event.id}"]')
    await expect(card.locator("dd").last).not_to_have_text("…", timeout=PATIENCE_MS)
    (stored,) = running.rows("SELECT count(*) AS objects FROM image_outcomes")
    await expect(page.page.locator("#objects")).to_have_text(f"{stored['objects']:,}", timeout=PATIENCE_MS)
    await page.goto(f"#/rejections?name={user}")
    await expect(page.page.locator("#rejections-message")).to_contain_text("No matching rows.")
    await page.goto(f"#/records?name={user}")
    await page.page.locator("#records-table a.open").click()
    await expect(page.page.locator("#details .timeline li:not(.open-end)")).to_have_count(
        3
    )  # nobody told of its upload
    readers = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"
    assert running.rows(readers, READER), "the board came as somebody else"
