"""Finding the unsure pictures of a week, and sending their list to a colleague."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from streams.contracts import Scores, encode
from tests.board_events import classified, rejected
from tests.board_page import PATIENCE_MS, opened
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]  # a slow machine

HERE, THERE = "Europe/Berlin", "America/New_York"
MONDAY = datetime(2026, 3, 2, tzinfo=ZoneInfo(HERE))
"""Midnight where the shelter is."""
MINUTE, WEEK = timedelta(minutes=1), timedelta(days=7)
UNSURE, LESS_SURE = Scores(cat=0.61, dog=0.3, neither=0.09), Scores(cat=0.52, dog=0.4, neither=0.08)
SURE = Scores(cat=0.99, dog=0.005, neither=0.005)
TOY = Scores(cat=0.48, dog=0.11, neither=0.41)
LABELS = {
    "before.jpg": (MONDAY - MINUTE, UNSURE),
    "first.jpg": (MONDAY, LESS_SURE),
    "sure.jpg": (MONDAY + MINUTE, SURE),
    "last.jpg": (MONDAY + WEEK - MINUTE, UNSURE),
    "after.jpg": (MONDAY + WEEK, UNSURE),
}
CUT_OFF = """[...document.querySelectorAll("time, td.when, td.later, .who > span, .after")]
  .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0).length"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def found(module_world: World) -> AsyncIterator[str]:
    """The URL of a board with five labels and two rejections."""
    world = module_world
    world.start("sink")
    url = start_board(world)
    labels = [
        msgspec.structs.replace(
            classified(f"uploads/ann/{name}", bucket=world.bucket, uploaded_at=at), confidence=scores.cat, scores=scores
        )
        for name, (at, scores) in LABELS.items()
    ]
    detail = "not sure enough for a label: cat 0.4800, neither 0.4100, dog 0.1100"
    toy = rejected("uploads/ann/Toy-cat.jpg", bucket=world.bucket, reason="not_a_pet", detail=detail)
    broken = rejected("uploads/ann/broken.jpg", bucket=world.bucket)
    await world.publish(*map(encode, labels), topic="image-classifications")
    await world.publish(encode(msgspec.structs.replace(toy, scores=TOY)), encode(broken), topic="image-rejections")
    world.wait_outcomes(*(each.key for each in labels), str(toy.key), str(broken.key))
    yield url


async def names(tab: Page, view: str = "records") -> list[str]:
    return await tab.locator(f"#{view}-table .name").all_inner_texts()


def field(tab: Page, view: str, name: str) -> Locator:
    return tab.locator(f"#{view}-form [name={name}]")


async def show(tab: Page, view: str) -> None:
    await tab.locator(f"#{view}-form").get_by_role("button", name="Show").click()


async def saved(tab: Page, view: str, folder: Path) -> list[str]:
    async with tab.expect_download() as downloading:
        await tab.locator(f"#{view}-form").get_by_role("link", name="Save as CSV").click()
    file = folder / f"{view}.csv"
    await (await downloading.value).save_as(file)
    return file.read_text("utf-8-sig").splitlines()  # a byte order mark, for Excel


async def test_the_unsure_pictures_of_a_week_are_found_saved_and_sent_as_a_link(
    found: str, chromium: Browser, tmp_path: Path
) -> None:
    context = await chromium.new_context(timezone_id=HERE)
    tab = await context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    await tab.goto(f"{found}#/records")
    total = tab.locator("#records-total")
    await expect(total).to_have_text("7 records", timeout=PATIENCE_MS)
    await field(tab, "records", "below").select_option("0.8")
    await expect(total).to_have_text("4 records", timeout=PATIENCE_MS)
    await field(tab, "records", "since").fill("2026-03-02")
    await field(tab, "records", "until").fill("2026-03-08")
    await show(tab, "records")
    await expect(total).to_have_text("2 records", timeout=PATIENCE_MS)
    assert await names(tab) == ["last.jpg", "first.jpg"]
    left_out = tab.get_by_role("link", name="Rejections marks the unsure ones")
    assert await left_out.get_attribute("href") == f"#/rejections?reason=not_a_pet&{tab.url.partition('&')[2]}"
    await expect(tab.locator("#records-table td.outcome")).to_have_text(["catunsure", "catunsure"])
    await field(tab, "records", "sort").select_option("least_sure")
    await expect(tab.locator("#records-table .name")).to_have_text(["first.jpg", "last.jpg"], timeout=PATIENCE_MS)
    assert await tab.evaluate(CUT_OFF) == 0

    head, *rows = await saved(tab, "records", tmp_path)
    assert head.startswith("user_name,source_key,")
    assert [row.split(",")[1] for row in rows] == ["uploads/ann/first.jpg", "uploads/ann/last.jpg"]

    link = tab.url
    await context.close()
    elsewhere = await chromium.new_context(timezone_id=THERE)
    other = await elsewhere.new_page()
    other.set_default_timeout(PATIENCE_MS)
    await other.goto(link)
    await expect(other.locator("#records-table .name")).to_have_text(["first.jpg", "last.jpg"], timeout=PATIENCE_MS)
    await field(other, "records", "below").select_option("0.6")
    await expect(other.locator("#records-table .name")).to_have_text(["first.jpg"], timeout=PATIENCE_MS)
    await field(other, "records", "name").fill("last")
    await field(other, "records", "name").press("Enter")
    message = other.locator("#records-message")
    await expect(message).to_have_text("No matching rows. Clear a field, or choose other days.", timeout=PATIENCE_MS)
    await expect(other.locator("#records-total")).to_have_text("0 records", timeout=PATIENCE_MS)
    await other.get_by_role("button", name="Clear").click()
    await expect(other.locator("#records-total")).to_have_text("7 records", timeout=PATIENCE_MS)
    await expect(other.locator("#records-left-out")).to_be_hidden(timeout=PATIENCE_MS)
    await elsewhere.close()


async def test_a_part_of_a_name_finds_records_and_rejections_which_are_saved(
    found: str, chromium: Browser, tmp_path: Path
) -> None:
    async with opened(chromium, found, "#/records?name=RST.j") as page:
        tab = page.page
        await expect(tab.locator("#records-table .name")).to_have_text(["first.jpg"], timeout=PATIENCE_MS)
        await expect(field(tab, "records", "name")).to_have_value("RST.j")
        await field(tab, "records", "name").fill("rs")
        await show(tab, "records")
        await expect(tab.locator("#records-message")).to_contain_text("write more", timeout=PATIENCE_MS)
        await field(tab, "records", "name").fill("--")
        await show(tab, "records")
        refused = "A part of a name has a letter or a digit, and at most 255 characters. Change a field."
        await expect(tab.locator("#records-message")).to_have_text(refused, timeout=PATIENCE_MS)

        await page.goto("#/rejections?name=toy&reason=not_a_pet")
        await expect(tab.locator("#rejections-table .name")).to_have_text(["Toy-cat.jpg"], timeout=PATIENCE_MS)
        await expect(tab.locator("#rejections-table td.outcome")).to_have_text("not a petunsure")
        await expect(tab.locator("#rejections-total")).to_have_text("1 rejection", timeout=PATIENCE_MS)
        head, row = await saved(tab, "rejections", tmp_path)
        assert head == "user_name,source_key,reason,unsure,detail,timestamp,image_url,id"
        assert row.startswith('ann,uploads/ann/Toy-cat.jpg,not_a_pet,yes,"not sure enough')

        async def away(route: Route) -> None:
            await route.fulfill(status=503, json={"error": "The database does not answer."})

        await tab.route(re.compile("/api/rejections"), away)
        await show(tab, "rejections")
        failed = "The database does not answer. Press Show to try again."
        await expect(tab.locator("#rejections-message")).to_have_text(failed, timeout=PATIENCE_MS)
        await expect(tab.locator("#rejections-total")).to_have_text("")
        await tab.unroute(re.compile("/api/rejections"))
        await show(tab, "rejections")
        await expect(tab.locator("#rejections-table .name")).to_have_text(["Toy-cat.jpg"], timeout=PATIENCE_MS)


async def test_an_unsure_outcome_is_called_so_on_its_card_and_in_its_story_with_its_scores(
    found: str, chromium: Browser, browser_options: dict[str, Any]
) -> None:
    async with opened(chromium, found, **browser_options) as page:
        tab = page.page
        for name, shown in (
            ("first.jpg", "cat 52.0 %, dog 40.0 %, neither 8.0 %"),
            ("Toy-cat.jpg", "cat 48.0 %, dog 11.0 %, neither 41.0 %"),
        ):
            card = page.card(name)
            await expect(card.locator(".chip.unsure")).to_have_text("unsure", timeout=PATIENCE_MS)
            await expect(card).to_contain_text(shown)
            await card.click()
            details = tab.locator("#details")
            await expect(details.locator(".chip.unsure")).to_have_text("unsure", timeout=PATIENCE_MS)
            await expect(details.locator(".scores")).to_contain_text(shown.split(",")[0].split(" ", 1)[1])
            assert await details.locator(".scores dt").all_inner_texts() == ["cat", "dog", "neither"]
            await tab.get_by_role("button", name="Close").click()
        await expect(page.card("sure.jpg").locator(".chip.unsure")).to_be_hidden()
        for view in ("#/", "#/records", "#/rejections"):
            await page.goto(view)
            await tab.locator("a.card:visible, a.open:visible").first.wait_for(timeout=PATIENCE_MS)
            assert await tab.evaluate(CUT_OFF) == 0, view
            assert await tab.evaluate("document.documentElement.scrollWidth") == 390, view
