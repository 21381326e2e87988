"""Uploads from the page in a real browser, on the real pipeline: each is followed until it is stored."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.board_page import PATIENCE_MS, BoardPage
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEPS = ["uploaded", "queued", "classified", "stored"]


async def test_a_dropped_picture_is_followed_until_it_is_stored(
    page: BoardPage, running: World, chelsea: bytes
) -> None:
    await page.drop("dropped.png", chelsea)
    line = page.sent("dropped.png")
    await expect(line.locator(".chip:not(.unsure)")).to_have_text(re.compile(r"^cat .*%"), timeout=PATIENCE_MS)
    await expect(line.locator(".steps li.done")).to_have_count(4, timeout=PATIENCE_MS)
    for step in await line.locator(".steps li").all_inner_texts():
        assert any(step.startswith(word) for word in STEPS)
    assert re.search(r"\+\d", await line.locator(".steps li").last.inner_text())
    (row,) = running.rows("SELECT user_name, source_key FROM image_outcomes WHERE source_key LIKE '%%dropped.png'")
    assert row["user_name"] == "you"

    card = page.card("dropped.png")
    await expect(card.locator(".chip:not(.unsure)")).to_have_text("cat")
    await expect(card.locator("dd").last).to_have_text(re.compile(r"\d m?s"))
    image = card.locator("img")
    await expect(image).to_have_js_property("naturalWidth", 320, timeout=PATIENCE_MS)


async def test_a_chosen_file_goes_the_same_way_and_what_is_no_picture_is_reported(page: BoardPage) -> None:
    await page.page.locator("#files").set_input_files(
        {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"Dear diary,\n" * 30}
    )
    line = page.sent("notes.jpg")
    await expect(line.locator(".chip:not(.unsure)")).to_have_text("unsupported format", timeout=PATIENCE_MS)
    await expect(line.locator(".steps li.done")).to_have_count(4, timeout=PATIENCE_MS)
    await expect(page.card("notes.jpg").locator(".nothing")).to_have_text(
        "No preview: it is in no supported picture format", timeout=PATIENCE_MS
    )


async def test_forty_files_are_all_followed_to_their_rows_with_a_sum(page: BoardPage, chelsea: bytes) -> None:
    prose = {"mimeType": "image/jpeg", "buffer": b"Dear diary,\n" * 30}
    files: list[Any] = [{"name": f"forty {number:02}.jpg", **prose} for number in range(38)]
    files += [{"name": f"forty {number}.png", "mimeType": "image/png", "buffer": chelsea} for number in (38, 39)]
    await page.page.locator("#files").set_input_files(files)
    lines = page.sent("forty ")
    await expect(lines).to_have_count(40)
    await expect(page.page.locator("#sum")).to_have_text(
        "40 of 40 classified: 38 unsupported format, 2 cats.", timeout=PATIENCE_MS
    )
    await expect(lines.locator(".steps li.done")).to_have_count(4 * 40, timeout=PATIENCE_MS)
    times = await lines.locator(".steps li:nth-child(2) .took").all_inner_texts()
    assert [each for each in times if not each.startswith("+")] == []


async def test_a_file_that_is_too_large_is_refused_in_words(page: BoardPage) -> None:
    huge = b"\xff\xd8\xff" + bytes(33 * 1024 * 1024)
    await page.page.evaluate("(name) => { window.huge = name; }", "huge.jpg")
    await page.page.evaluate(
        """(size) => {
          const moved = new DataTransfer();
          moved.items.add(new File([new Uint8Array(size)], "huge.jpg", { type: "image/jpeg" }));
          document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: moved }));
        }""",
        len(huge),
    )
    await expect(page.sent("huge.jpg")).to_contain_text("Not uploaded: larger than 32 MiB")
