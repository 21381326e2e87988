"""Finding the unsure pictures of a week, and sending their list to a colleague."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from playwright.async_api import Browser, Page, expect

from streams.contracts import Scores, encode
from tests.board_events import classified
from tests.board_page import PATIENCE_MS
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE, THERE = "Europe/Berlin", "America/New_York"
MONDAY = datetime(2026, 3, 2, tzinfo=ZoneInfo(HERE))
"""Midnight where the shelter is."""


async def names(tab: Page) -> list[str]:
    return await tab.locator("#records-table .name").all_inner_texts()


async def test_the_unsure_pictures_of_a_week_are_found_saved_and_sent_as_a_link(
    world: World, chromium: Browser, tmp_path: Path
) -> None:
    world.start("sink")
    url = start_board(world)
    minute = timedelta(minutes=1)
    wanted = {"first.jpg": MONDAY, "last.jpg": MONDAY + timedelta(days=7) - minute}
    others = {"before.jpg": MONDAY - minute, "after.jpg": MONDAY + timedelta(days=7)}
    events = [
        msgspec.structs.replace(
            classified(f"uploads/ann/{name}", bucket=world.bucket, uploaded_at=at), confidence=confidence, scores=scores
        )
        for confidence, scores, found in (
            (0.61, Scores(cat=0.61, dog=0.3, neither=0.09), wanted | others),
            (0.99, Scores(cat=0.99, dog=0.005, neither=0.005), {"sure.jpg": MONDAY + minute}),
        )
        for name, at in found.items()
    ]
    await world.publish(*map(encode, events), topic="image-classifications")
    world.wait_outcomes(*(event.key for event in events))

    context = await chromium.new_context(timezone_id=HERE)
    tab = await context.new_page()
    await tab.goto(f"{url}#/records")
    await expect(tab.locator("#records-table tbody tr")).to_have_count(5, timeout=PATIENCE_MS)
    await tab.get_by_label("Confidence below").select_option("0.8")
    await tab.locator("#records-form").get_by_label("From").fill("2026-03-02")
    await tab.locator("#records-form").get_by_label("To").fill("2026-03-08")
    await tab.locator("#records-form").get_by_role("button", name="Show").click()
    await expect(tab.locator("#records-table tbody tr")).to_have_count(2)
    assert await names(tab) == ["last.jpg", "first.jpg"]
    cut = "[...document.querySelectorAll('td.when')].filter((each) => each.scrollWidth > each.clientWidth).length"
    assert await tab.evaluate(cut) == 0

    async with tab.expect_download() as downloading:
        await tab.get_by_role("link", name="Save as CSV").click()
    saved = tmp_path / "records.csv"
    await (await downloading.value).save_as(saved)
    lines = saved.read_text("utf-8").splitlines()
    assert [line.split(",")[1] for line in lines] == ["source_key", "uploads/ann/last.jpg", "uploads/ann/first.jpg"]

    link = tab.url
    await context.close()
    elsewhere = await chromium.new_context(timezone_id=THERE)
    other = await elsewhere.new_page()
    await other.goto(link)
    await expect(other.locator("#records-table tbody tr")).to_have_count(2, timeout=PATIENCE_MS)
    assert await names(other) == ["last.jpg", "first.jpg"]
    await other.get_by_label("Confidence below").select_option("0.6")
    await expect(other.locator("#records-message")).to_have_text(
        "No matching rows. Clear a field, or choose other days."
    )
    await elsewhere.close()
