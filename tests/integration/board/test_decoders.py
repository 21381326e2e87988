"""The board's decoding processes: every format, and no picture that harms the next one."""

import asyncio
import io
import zlib
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from streams.app import board_decoders
from streams.app.board_decoders import BoardDecoder
from streams.board.objects import NoPictureError
from streams.board.renditions import CrashedError
from tests.inference_fixtures import quadrants

MAX_BYTES = 1024 * 1024


def encoded(kind: str, size: tuple[int, int] = (640, 480)) -> bytes:
    file = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(quadrants(size)).save(file)
    else:
        quadrants(size).save(file, kind)
    return file.getvalue()


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg), formats=["JPEG"])


@pytest.mark.parametrize(("side", "expected"), [(320, (320, 240)), (1600, (640, 480))])
async def test_every_format_is_made_small(side: int, expected: tuple[int, int]) -> None:
    async with BoardDecoder(side, 1, MAX_BYTES) as decoder:
        for kind in ("JPEG", "PNG", "HEIC", "TIFF", "WEBP", "AVIF", "GIF", "BMP"):
            assert opened(await decoder.render(encoded(kind))).size == expected


async def test_what_cannot_be_shown_is_said_in_our_words() -> None:
    bomb = bytearray(encoded("PNG"))
    bomb[16:24] = (20_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    async with BoardDecoder(320, 1, MAX_BYTES) as decoder:
        for data, why in (
            (b"<svg>", "it is in no supported picture format"),
            (encoded("PNG")[:500], "the file is damaged"),
            (bytes(bomb), "it has too many pixels"),
            (bytes(MAX_BYTES + 1), "the object is too large"),
        ):
            with pytest.raises(NoPictureError) as refused:
                await decoder.render(data)
            assert (str(refused.value), type(refused.value)) == (why, NoPictureError)


async def test_a_picture_that_takes_too_long_is_given_up_and_the_others_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "hanging_decoder.py").write_text(
        "import time\nfrom inference.decode.rendition import rendition as rendered\n"
        "def rendition(data, spec, limits):\n"
        "    return time.sleep(600) if bytes(data) == b'hang' else rendered(data, spec, limits)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(board_decoders, "DECODER", "hanging_decoder:rendition")
    await _given_up(b"hang")


async def test_a_picture_that_takes_too_much_memory_is_given_up_and_the_others_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(board_decoders, "MEMORY_BYTES", 64 * 1024 * 1024)
    await _given_up(encoded("PNG", (6000, 5000)))


async def _given_up(harmful: bytes) -> None:
    async with BoardDecoder(320, 2, MAX_BYTES) as decoder:
        small = [decoder.render(encoded("JPEG", (64, 48))) for _ in range(4)]
        refused, *made = await asyncio.gather(decoder.render(harmful), *small, return_exceptions=True)
        assert isinstance(refused, CrashedError)
        assert [opened(each).size for each in made if isinstance(each, bytes)] == [(64, 48)] * 4


async def test_no_process_is_started_before_the_first_picture() -> None:
    async with BoardDecoder(320, 2, MAX_BYTES) as decoder:
        pool = decoder._pool.cpu_pool
        assert not pool.pids
        await decoder.render(encoded("PNG"))
        assert len(pool.pids) == 2
    with pytest.raises(NoPictureError, match="do not work"):
        await decoder.render(encoded("PNG"))
