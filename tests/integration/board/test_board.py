"""The board in a real browser, on the real pipeline: through an outage, by keyboard, on a phone, with hostile names."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from streams.contracts.identity import image_id
from tests.board_page import PATIENCE_MS, BoardPage, opened
from tests.integration.board.conftest import start_board
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_results_that_are_not_stored_are_reported_and_the_banner_goes_by_itself(
    page: BoardPage, running: World, chelsea: bytes
) -> None:
    world = running
    await expect(page.banner).to_have_count(0, timeout=PATIENCE_MS)
    world.stack.postgres.stop()
    try:
        for number in range(3):
            await page.drop(f"during {number}.png", chelsea)
        for number in range(3):  # classification goes on
            line = page.sent(f"during {number}.png")
            await expect(line.locator(".chip:not(.unsure)")).to_have_text(re.compile(r"^cat"), timeout=PATIENCE_MS)
        await expect(page.banner).to_have_text(
            re.compile(r"^Database: does not answer( the sink)?, since \d\d:\d\d\.Runbook$"), timeout=PATIENCE_MS
        )
        await expect(page.page.locator("#live-title")).to_have_text("The database does not answer")
        await expect(page.page.locator("#live-note")).to_contain_text(
            "3 results wait to be stored", timeout=PATIENCE_MS
        )
        await expect(page.page).to_have_title("▲ The database does not answer · petstream")
        await expect(page.sent("during 0.png").locator(".steps li.done")).to_have_count(3)
        await page.page.evaluate("location.hash = '#/records'")
        await expect(page.page.locator("#records-message")).to_contain_text(
            "The database does not answer", timeout=PATIENCE_MS
        )
        await page.page.evaluate("location.hash = '#/'")
    finally:
        world.stack.postgres.start()
    await expect(page.banner).to_have_count(0, timeout=PATIENCE_MS)
    for number in range(3):
        line = page.sent(f"during {number}.png")
        await expect(line.locator(".steps li.done")).to_have_count(4, timeout=PATIENCE_MS)
    await expect(page.page.locator("#live-title")).to_have_text("All is well", timeout=PATIENCE_MS)


async def test_hostile_names_are_shown_as_text_and_do_nothing(page: BoardPage, running: World, chelsea: bytes) -> None:
    world = running
    script = "<script>window.taken=1;alert(1)</script>"
    image = "<img src=x onerror=alert(2)>"
    names = [
        script + ".png",
        image + ".png",
        '"><svg onload=alert(3)>.png',
        "\u202egnp.exe\u2066.png",
        "l" * 900 + ".png",
    ]
    keys = [f"uploads/{image}/{name}" for name in names[:3]] + [f"uploads/eve/{name}" for name in names[3:]]
    for key in keys:
        world.put(key, chelsea)
    world.put("uploads/eve/broken.png", chelsea[:3000])
    world.wait_outcomes(*keys, "uploads/eve/broken.png")

    for text in (script.rpartition("/")[2], image, '"><svg onload=alert(3)>.png'):
        await expect(page.card(text).first).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.card("\ufffdgnp.exe\ufffd.png")).to_be_visible()  # nothing turns the direction of writing
    wide = await page.card("llllllll").bounding_box()
    assert wide is not None
    assert wide["width"] < 400
    assert await page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await page.card(image).first.click()
    await expect(page.page.locator("#details .facts")).to_contain_text(image)
    await page.page.locator("#details summary").first.click()
    await expect(page.page.locator("#details pre").first).to_contain_text("uploads/<img src=x onerror=alert(2)>/")
    await page.page.keyboard.press("Escape")

    await page.goto(f"#/records?name={image}")
    await expect(page.page.locator("#records-table tbody tr")).to_have_count(3)
    await expect(page.page.locator("#records-table")).to_contain_text(image)
    await page.goto("#/rejections?name=eve/broken")
    await expect(page.page.locator("#rejections-table")).to_contain_text("broken.png")
    assert await page.page.evaluate("window.taken") is None


async def test_a_rejection_can_be_looked_at_with_everything_about_it(page: BoardPage, running: World) -> None:
    name = f"{uuid4().hex}.jpg"
    running.put(f"uploads/ann/{name}", b"Dear diary,\n" * 30)
    running.wait_outcomes(f"uploads/ann/{name}")
    await page.goto("#/rejections?reason=unsupported_format&name=ann")
    await page.page.locator("#rejections-table a.open", has_text=name).click()
    details = page.page.locator("#details")
    await expect(details.locator(".verdict .chip")).to_have_text("unsupported format")
    await expect(details).to_contain_text("Dear diary")
    await expect(details.locator(".timeline li")).to_have_count(4)
    await expect(details.locator(".timeline")).to_contain_text("rejected")
    await details.locator("summary", has_text="The notification as received").click()
    await expect(details.locator("pre").last).to_contain_text("ObjectCreated:Put")
    await page.page.get_by_role("button", name="Close").click()
    await expect(details).not_to_be_visible()
    await expect(page.page.locator("#rejections-table a.open", has_text=name)).to_be_focused()


async def test_everything_can_be_reached_with_the_keyboard_alone(
    page: BoardPage, running: World, chelsea: bytes
) -> None:
    world, user = running, f"kay-{uuid4().hex[:8]}"
    keys = [f"uploads/{user}/{number}.png" for number in range(3)]
    for key in keys:
        world.put(key, chelsea)
    world.wait_outcomes(*keys)
    await expect(page.card(user)).to_have_count(3, timeout=PATIENCE_MS)
    keyboard = page.page.keyboard
    await page.page.locator("#pause").focus()
    await keyboard.press("Tab")
    first = await page.page.evaluate("document.activeElement.className")
    assert first == "card" or first.startswith("card ")
    await keyboard.press("ArrowRight")
    at = await page.page.evaluate("[...document.querySelectorAll('a.card')].indexOf(document.activeElement)")
    assert at == 1
    await keyboard.press("Enter")
    await expect(page.page.locator("#details")).to_be_visible()
    await keyboard.press("Escape")
    await expect(page.page.locator("#details")).not_to_be_visible()
    assert await page.page.evaluate("[...document.querySelectorAll('a.card')].indexOf(document.activeElement)") == 1

    await keyboard.press("/")
    await expect(page.page.locator("#records-form input[name=name]")).to_be_focused()
    await keyboard.type(user)
    await keyboard.press("Enter")
    await expect(page.page.locator("#records-table tbody tr")).to_have_count(3)
    for _ in range(20):  # a date has four stops
        if await page.page.evaluate("document.activeElement.matches('#records-table a.open')"):
            break
        await keyboard.press("Tab")
    await keyboard.press("ArrowDown")
    opened_key = await page.page.evaluate("document.activeElement.closest('th').title")
    await keyboard.press("Enter")
    await expect(page.page.locator("#details .facts")).to_contain_text(opened_key)
    await keyboard.press("Escape")
    await expect(page.page.locator("#details")).not_to_be_visible()
    await expect(page.page).to_have_url(re.compile(f"name={user}"))  # the dialog's close event comes later


async def test_a_screen_reader_finds_names_roles_and_one_quiet_line(page: BoardPage) -> None:
    await page.page.locator("#grid a.card").first.wait_for()
    told = await page.page.locator("body").aria_snapshot()
    for line in (
        "- banner:",
        '- navigation "Views":',
        "- main:",
        '- heading "Latest pictures" [level=2]',
        '- list "Latest pictures":',
        '- button "Pause"',
        "- contentinfo:",
    ):
        assert line in told, line
    assert await page.page.locator("[role=status]").count() >= 2
    assert await page.page.locator("#grid [aria-live]").count() == 0
    await page.goto("#/records")
    await page.page.locator("#records-table a.open").first.wait_for()
    told = await page.page.locator("#records").aria_snapshot()
    assert '- table "Stored outcomes":' in told
    assert '- columnheader "Outcome"' in told
    assert '- searchbox "User or file"' in told
    assert '- combobox "Outcome"' in told
    unnamed = """[...document.querySelectorAll("a, button, input, select")].filter(
      (each) => !each.closest("[hidden]")
        && !(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length)
    ).length"""
    assert await page.page.evaluate(unnamed) == 0


async def test_it_fits_a_phone_and_the_dark(board: str, chromium: Browser, browser_options: dict[str, Any]) -> None:
    async with opened(chromium, board, color_scheme="dark", **browser_options) as page:
        for view in ("#/", "#/records", "#/rejections"):
            await page.goto(view)
            await page.page.locator("a.card:visible, a.open:visible").first.wait_for()
            # A phone lays a page out as wide as its widest part: innerWidth would grow with it.
            assert await page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390], view
        small = await page.page.evaluate(
            "[...document.querySelectorAll('button, nav a, input, select')].filter((each) => each.checkVisibility()"
            " && !each.classList.contains('unseen') && each.getBoundingClientRect().height < 36).length"
        )
        assert small == 0  # fingers
        colours = await page.page.evaluate(
            "['background-color', 'color'].map((name) => getComputedStyle(document.body).getPropertyValue(name))"
        )
        background, ink = ([int(part) for part in re.findall(r"\d+", colour)][:3] for colour in colours)
        assert max(background) < 40
        assert min(ink) > 200


async def test_only_pictures_of_an_event_or_a_row_are_shown(page: BoardPage, running: World, board: str) -> None:
    request = page.page.request
    world, url = running, board
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    id_ = world.put("uploads/ann/drawing.svg", svg)
    world.wait_outcomes("uploads/ann/drawing.svg")
    for size in ("thumbnails", "pictures"):
        answer = await request.get(f"{url}{size}/{id_}")
        assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    elsewhere = world.stack.objects.s3.put_object(Bucket=world.bucket, Key="secret.png", Body=b"\x89PNG\r\n\x1a\n")
    assert elsewhere["ETag"]
    answer = await request.get(f"{url}pictures/{image_id(world.bucket, 'secret.png')}")
    assert answer.status == 404  # no event and no row tells of it


async def test_a_board_that_is_asked_to_stop_lets_its_viewers_go_at_once(running: World, chromium: Browser) -> None:
    url = start_board(running)
    worker = running.workers[-1]
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("#link")).to_have_text("live", timeout=PATIENCE_MS)
    await expect(page.locator("#drop")).to_be_hidden()  # nothing is taken unless told so
    status = await asyncio.to_thread(worker.process.stop, 60)
    assert status == 0, worker.process.log_tail()  # 1 if it had to be cut short
    await expect(page.locator("#link")).to_have_text("connection lost")
    await expect(page.locator(".banner")).to_contain_text("lost its server")
    await context.close()
