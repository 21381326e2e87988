"""Pictures on the page: small, of every format, walked by keys, and with a reason where there is none."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import numpy as np
import pillow_heif
import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Locator, expect

from streams.board.objects import SILENCE_SECONDS
from streams.contracts import encode
from tests.board_events import NOON, classified
from tests.board_page import PATIENCE_MS, BoardPage, opened
from tests.integration.board.conftest import start_board
from tests.proxy import TcpProxy
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE_BYTES_MAX = 1024 * 1024
SCROLL_TO_THE_NEXT = """(() => {
  // On a busy machine a picture may fail at first; the page asks again. other.txt never becomes one.
  const isDone = (card) => card.querySelector("img")?.naturalWidth > 0 || card.textContent.includes("other.txt");
  const next = [...document.querySelectorAll("a.card")].find((card) => !isDone(card));
  next?.scrollIntoView();
  return Boolean(next);
})()"""
WIDTHS = "[...document.querySelectorAll('a.card img')].map((image) => image.naturalWidth)"
OTHERS = ("heic", "tif", "txt")


def photograph(seed: int) -> Image.Image:
    """4000 x 3000 pixels: large shapes, fine texture and grain, as a photograph has them."""
    random = np.random.default_rng(seed)
    picture = np.zeros((3000, 4000, 3), np.uint8)
    for side, strength in ((6, 150), (60, 50), (1000, 40)):
        coarse = Image.fromarray(random.integers(0, strength, (side, side, 3), np.uint8))
        picture += np.asarray(coarse.resize((4000, 3000), Image.Resampling.BICUBIC))
    return Image.fromarray(picture)


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    photograph(seed).save(file, "JPEG", quality=90)
    return file.getvalue()


def others() -> dict[str, bytes]:
    small = photograph(9).resize((1000, 750))
    heic, tiff = io.BytesIO(), io.BytesIO()
    pillow_heif.from_pillow(small).save(heic)
    small.save(tiff, "TIFF")
    return {"heic": heic.getvalue(), "tif": tiff.getvalue(), "txt": b"Dear diary,\n" * 30}


async def tell(world: World, *keys: str) -> None:
    """Publish a result for each key, a second apart, the last one the newest."""
    events = (
        msgspec.structs.replace(
            classified(key, bucket=world.bucket, uploaded_at=NOON + timedelta(seconds=number)), version_id=None
        )
        for number, key in enumerate(keys)
    )
    # One key is one partition, which keeps the order.
    await world.publish(*map(encode, events), topic="image-classifications", key=b"one")


@pytest.fixture(scope="module")
def keys() -> list[str]:
    return [f"uploads/ann/{number:02}.jpg" for number in range(50)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def photographs(module_world: World, keys: list[str]) -> World:
    """Fifty photographs of 12 megapixels, two different ones, each under several names; and three other objects."""
    drawn = [jpeg(seed) for seed in range(2)]
    for key, data in zip(keys[:2], drawn, strict=True):
        module_world.put(key, data)
    for number, key in enumerate(keys[2:]):  # copied in the store: 50 uploads of 5 MB take long
        module_world.stack.objects.s3.copy_object(
            Bucket=module_world.bucket, Key=key, CopySource={"Bucket": module_world.bucket, "Key": keys[number % 2]}
        )
    for kind, data in others().items():
        module_world.put(f"uploads/ann/other.{kind}", data)
    await tell(module_world, *(f"uploads/ann/other.{kind}" for kind in OTHERS), *keys)
    return module_world


@pytest.fixture(scope="module")
def proxy(module_world: World) -> Iterator[TcpProxy]:
    """Before the store."""
    host, _, port = str(module_world.stack.objects.endpoint_url).rpartition("//")[2].partition(":")
    with TcpProxy(host, int(port)) as found:
        yield found


@pytest.fixture(scope="module")
def board(photographs: World, proxy: TcpProxy) -> str:
    return start_board(photographs, S3_ENDPOINT_URL=f"http://{proxy.host}:{proxy.port}")


@pytest_asyncio.fixture(loop_scope="session")
async def page(board: str, chromium: Browser) -> AsyncIterator[BoardPage]:
    async with opened(chromium, board) as found:
        await expect(found.page.locator("#grid > li")).to_have_count(53, timeout=PATIENCE_MS)
        yield found


async def drawn(image: Locator, width: int) -> None:
    await image.scroll_into_view_if_needed()
    await expect(image).to_have_js_property("naturalWidth", width, timeout=PATIENCE_MS)


async def test_fifty_photographs_weigh_a_megabyte_with_the_page(board: str, chromium: Browser) -> None:
    context = await chromium.new_context()
    tab = await context.new_page()
    wire = await context.new_cdp_session(tab)
    received = {"bytes": 0, "stream": 0}
    wire.on(
        "Network.loadingFinished", lambda event: received.update(bytes=received["bytes"] + event["encodedDataLength"])
    )
    wire.on(
        "Network.eventSourceMessageReceived",
        lambda event: received.update(stream=received["stream"] + len(event["data"])),
    )
    await wire.send("Network.enable")
    await tab.goto(board)
    await expect(tab.locator("#grid > li")).to_have_count(53, timeout=PATIENCE_MS)
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while await tab.evaluate(SCROLL_TO_THE_NEXT):
            await asyncio.sleep(0.05)
    assert await tab.evaluate(WIDTHS) == [320] * 52
    weight = received["bytes"] + received["stream"]
    print(f"weight of the page: {weight:,} bytes, {received['stream']:,} of them events")  # noqa: T201 - the figure
    assert 100_000 < weight <= PAGE_BYTES_MAX
    await context.close()


@pytest.mark.parametrize("kind", ["heic", "tif"])
async def test_a_format_that_no_browser_shows_is_seen(page: BoardPage, kind: str) -> None:
    card = page.card(f"other.{kind}")
    await drawn(card.locator("img"), 320)
    await card.click()
    await drawn(page.page.locator("#details img").last, 1000)


async def test_what_is_no_picture_says_so(page: BoardPage) -> None:
    card = page.card("other.txt")
    await card.scroll_into_view_if_needed()
    await expect(card.locator(".frame")).to_have_text(
        "No preview: it is in no supported picture format", timeout=PATIENCE_MS
    )


async def test_a_click_enlarges_arrows_walk_and_escape_closes(page: BoardPage, keys: list[str]) -> None:
    names = [key.rpartition("/")[2] for key in reversed(keys)]
    tab, keyboard = page.page, page.page.keyboard
    title, place, image = tab.locator("#details-title"), tab.locator("#details-place"), tab.locator("#details img").last
    await page.card(names[0]).click()
    await expect(title).to_have_text(names[0])
    await expect(title).to_be_focused()
    await expect(place).to_have_text(f"1 of 53: {names[0]}, cat")
    await drawn(image, 1600)
    await keyboard.press("ArrowLeft")
    await expect(tab.get_by_role("button", name="Previous picture")).to_have_attribute("aria-disabled", "true")
    await keyboard.press("ArrowRight")
    await expect(title).to_have_text(names[1])
    await expect(title).to_be_focused()
    await tab.get_by_role("button", name="Next picture").click()
    await expect(place).to_have_text(f"3 of 53: {names[2]}, cat")
    await expect(tab.get_by_role("button", name="Next picture")).to_be_focused()

    enlarge = tab.get_by_role("button", name="Enlarge the picture")
    await enlarge.click()
    await expect(enlarge).to_have_attribute("aria-pressed", "true")
    await drawn(image, 1600)
    box, view = await image.bounding_box(), tab.viewport_size
    assert box is not None
    assert view is not None
    assert box["width"] > 0.9 * view["width"]
    assert box["height"] > 0.8 * view["height"]
    await keyboard.press("ArrowRight")
    await expect(title).to_have_text(names[3])
    await drawn(image, 1600)
    await expect(enlarge).to_be_focused()
    await keyboard.press("Escape")
    await expect(enlarge).to_have_attribute("aria-pressed", "false")
    await expect(tab.locator("#details .facts")).to_be_visible()
    await keyboard.press("Escape")
    await expect(tab.locator("#details")).not_to_be_visible()
    await expect(page.card(names[3])).to_be_focused()
    await tab.go_back()
    await expect(tab.locator("#details")).not_to_be_visible()


async def test_on_a_phone_a_picture_is_enlarged_and_walked_by_finger(
    board: str, chromium: Browser, keys: list[str], browser_options: dict[str, Any]
) -> None:
    async with opened(chromium, board, color_scheme="dark", **browser_options) as page:
        tab = page.page
        await page.card(keys[-1].rpartition("/")[2]).tap()
        await tab.get_by_role("button", name="Enlarge the picture").tap()
        await drawn(tab.locator("#details img").last, 1600)
        await tab.get_by_role("button", name="Next picture").tap()
        await expect(tab.locator("#details-title")).to_have_text(keys[-2].rpartition("/")[2])
        assert await tab.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
        small = (
            "[...document.querySelectorAll('#details button')].filter((e) => e.offsetHeight < 36 || e.offsetWidth < 36)"
        )
        assert await tab.evaluate(f"{small}.length") == 0
        await tab.get_by_role("button", name="Close").tap()
        await expect(tab.locator("#details")).not_to_be_visible()


async def test_a_frozen_store_holds_up_nothing_and_its_pictures_come_later(
    page: BoardPage, photographs: World, proxy: TcpProxy
) -> None:
    """Pictures that were made stay. New ones have a reason within seconds, and come by themselves afterwards."""
    new = [f"uploads/bea/frozen-{number}.jpg" for number in range(8)]
    data = Image.frombytes("RGB", (64, 48), Random(1).randbytes(64 * 48 * 3))
    file = io.BytesIO()
    data.save(file, "JPEG")
    for key in new:
        photographs.put(key, file.getvalue())
    proxy.freeze()
    try:
        await tell(photographs, *new)
        cards = [page.card(key.rpartition("/")[2]) for key in new]
        for card in cards:
            await card.scroll_into_view_if_needed()
            await expect(card.locator(".frame")).to_contain_text("the store")
        began = asyncio.get_running_loop().time()
        answer = await page.page.request.get(f"{page.url}assets/board.css")
        assert answer.status == 200
        assert asyncio.get_running_loop().time() - began < SILENCE_SECONDS, "it waited for the store"
    finally:
        proxy.cut()
        proxy.thaw()
    for card in cards:
        await drawn(card.locator("img"), 64)
