"""Decoding on a device in a real process; what a device can do to it is done by decoders that the tests write."""

import asyncio
import logging
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from inference.decode import Limits, decode
from inference.decode.device import pool as decode_device_pool
from inference.decode.device.child import SLOT_BYTES, SLOTS
from inference.decode.device.pool import DeviceDecodePool
from inference.decode.pool import DecodePool
from inference.errors import DecodersUnavailable, RejectedImage
from inference.manifest import InputSpec

SPEC = InputSpec(size=64, resize=68)
LIMITS = Limits(max_bytes=32 * 1024 * 1024)
DEADLINE_SECONDS = 60
Draw = Callable[..., bytes]

DEVICE = """
    import ctypes, json, os, sys, time
    import numpy as np

    def pixels(picture, spec):
        word, _, rest = bytes(picture).partition(b" ")
        if word == b"crash":
            ctypes.string_at(0)
        if word == b"exit":
            os._exit(70)
        if word == b"raise":
            raise RuntimeError("a bug")
        if word == b"hang":
            time.sleep(1000)
        if word == b"swallow":
            np.empty(1 << 30, np.uint8)
        if word == b"say":
            os.write(os.dup(json.loads(sys.argv[1])["socket"]), rest)
            time.sleep(0.3)
        if word == b"slow":
            open("{begun}", "w").close()
            time.sleep(0.5)
        if word == b"not":
            return None
        if word == b"misshapen":
            return np.zeros((3, 3, 3), np.uint8)
        return np.full((spec.size, spec.size, 3), len(picture) % 251, np.uint8)

    class Device:
        def __init__(self, spec, limits, largest):
            self.spec = spec

        def __call__(self, pictures):
            if any(bytes(picture[:5]) == b"count" for picture in pictures):
                return [np.full((self.spec.size,) * 2 + (3,), len(pictures), np.uint8)] * len(pictures)
            return [pixels(picture, self.spec) for picture in pictures]

    class Absent:
        def __init__(self, spec, limits, largest):
            raise RuntimeError("No CUDA GPUs are available")

    class LostForAWhile(Device):
        def __init__(self, spec, limits, largest):
            super().__init__(spec, limits, largest)
            if os.path.exists("{lost}"):
                raise RuntimeError("CUDA error: device busy or unavailable")
            while os.path.exists("{stuck}"):
                time.sleep(0.02)

    USUAL = 255

    def usual(data, spec, limits):
        return np.full((spec.size, spec.size, 3), USUAL, np.uint8)
"""
USUAL = 255


class Loss:
    """While its file is there, no process can open the device, or opening it does not come to an end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, pool: DeviceDecodePool) -> None:
        """And the process that has it open dies."""
        self.path.touch()
        (pid,) = pool.pids - pool.cpu_pool.pids
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        self.path.unlink()


@pytest.fixture
def loss(tmp_path: Path) -> Loss:
    return Loss(tmp_path / "lost")


@pytest.fixture
def delay(tmp_path: Path) -> Loss:
    return Loss(tmp_path / "stuck")


class Beginning:
    """Its file is there once a slow picture is being decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_seen(self) -> bool:
        return self.path.exists()

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


@pytest.fixture
def begun(tmp_path: Path) -> Beginning:
    return Beginning(tmp_path / "begun")


@pytest.fixture
def importable(tmp_path: Path, loss: Loss, delay: Loss, begun: Beginning, monkeypatch: pytest.MonkeyPatch) -> None:
    code = DEVICE
    for name, path in {"lost": loss.path, "stuck": delay.path, "begun": begun.path}.items():
        code = code.replace(f"{{{name}}}", str(path))
    (tmp_path / "devices.py").write_text(textwrap.dedent(code))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(decode_device_pool, "_PAUSE_SECONDS", 0.05)


def made(device: str = "Device", seconds: float = 20.0) -> DeviceDecodePool:
    usual = DecodePool(2, SPEC, LIMITS, decoder="devices:usual")
    return DeviceDecodePool(
        usual, SPEC, LIMITS, seconds=seconds, memory_bytes=512 * 1024 * 1024, decoder=f"devices:{device}"
    )


@pytest.fixture
async def pool(importable: None) -> AsyncIterator[DeviceDecodePool]:
    pool = await made("LostForAWhile").start()
    yield pool
    await pool.close()


async def way(pool: DeviceDecodePool, picture: bytes) -> int:
    """What every pixel of the answer is: 255 of the usual way, the picture's length of the device's."""
    pixels = await pool.decode(picture)
    assert pixels.shape == (64, 64, 3)
    assert (pixels == pixels[0, 0, 0]).all()
    return int(pixels[0, 0, 0])


async def slow_one(pool: DeviceDecodePool, begun: Beginning) -> "asyncio.Task[int]":
    """A picture that is alone with the device for half a second, from now on."""
    begun.forget()
    task = asyncio.create_task(way(pool, b"slow"))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not begun.is_seen():
            await asyncio.sleep(0.005)
    return task


async def on_device_again(pool: DeviceDecodePool) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await way(pool, b"x" * 7) != 7:
            await asyncio.sleep(0.02)


async def test_many_at_a_time_each_gets_its_own_pixels(pool: DeviceDecodePool) -> None:
    lengths = [*range(1, 250)] * 3
    answers = await asyncio.gather(*(way(pool, b"x" * length) for length in lengths))
    assert answers == lengths


async def test_those_that_wait_go_together(pool: DeviceDecodePool, begun: Beginning) -> None:
    first = await slow_one(pool, begun)
    answers = await asyncio.gather(*(way(pool, b"count") for _ in range(SLOTS - 1)))
    assert await first == len(b"slow")
    assert answers == [SLOTS - 1] * (SLOTS - 1)


async def test_what_the_device_does_not_take_is_decoded_the_usual_way(pool: DeviceDecodePool) -> None:
    assert await way(pool, b"not for it") == USUAL
    assert await way(pool, b"x" * (SLOT_BYTES + 1)) == USUAL
    assert pool.replaced == 0


async def test_what_is_wrong_with_a_picture_is_reported_by_the_cpu_pool(importable: None) -> None:
    usual = DecodePool(1, SPEC, LIMITS)
    pool = await DeviceDecodePool(usual, SPEC, LIMITS, decoder="devices:Device").start()
    with pytest.raises(RejectedImage, match="unsupported_format"):
        await pool.decode(b"not a picture")
    with pytest.raises(RejectedImage, match="too_many_bytes"):
        await pool.decode(b"x" * (LIMITS.max_bytes + 1))
    await pool.close()


async def test_a_picture_that_ends_the_process_is_decoded_the_usual_way_and_so_are_its_neighbours(
    pool: DeviceDecodePool, begun: Beginning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_device_pool, "_SETTLED_SECONDS", 0.0)  # each end is the first for long
    fates = (b"crash", b"exit", b"raise", b"swallow", b"misshapen", b"say \x7e", b"say \xa5")
    for number, fate in enumerate(fates, 1):
        slow = await slow_one(pool, begun)
        pictures = [b"x" * 20, fate, *[b"x" * 30] * 3 * SLOTS]  # more than have a slot
        answers = await asyncio.gather(*(way(pool, picture) for picture in pictures))
        assert await slow == len(b"slow"), fate
        assert answers == [USUAL] * len(pictures), fate
        await on_device_again(pool)
        assert pool.replaced == number, fate


async def test_a_device_that_hangs_holds_its_pictures_for_a_bounded_time(importable: None) -> None:
    pool = await made(seconds=1.0).start()
    pool._settings = made()._settings  # only the one that hangs has so little time
    answers = await asyncio.gather(*(way(pool, picture) for picture in (b"hang", b"x" * 20, b"x" * 30)))
    assert USUAL in answers
    await on_device_again(pool)
    assert pool.replaced == 1
    await pool.close()


async def test_while_the_device_is_away_everything_is_decoded_the_usual_way(
    pool: DeviceDecodePool, loss: Loss, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not through the root logger: OpenVINO's conversion, which other tests do in this process, changes that one.
    caplog.set_level(logging.WARNING, decode_device_pool.log.name)
    monkeypatch.setattr(decode_device_pool.log, "handlers", [caplog.handler])
    monkeypatch.setattr(decode_device_pool.log, "propagate", False)
    loss.begin(pool)
    for _ in range(60):
        assert await way(pool, b"x" * 9) in {9, USUAL}
        await asyncio.sleep(0.02)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while pool.replaced < 2:
            await asyncio.sleep(0.02)
    assert await way(pool, b"x" * 9) == USUAL
    loss.end()
    await on_device_again(pool)
    said = [record.getMessage() for record in caplog.records]
    assert "killed by SIGKILL" in said[0]
    assert "cannot start" in said[1]
    assert said[-1] == "decoding on the device again"


async def test_no_picture_waits_for_a_device_that_is_being_opened(pool: DeviceDecodePool, delay: Loss) -> None:
    delay.begin(pool)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not pool.replaced:
            assert await way(pool, b"x" * 9) in {9, USUAL}
        assert await asyncio.gather(*(way(pool, b"x" * 9) for _ in range(2 * SLOTS))) == [USUAL] * 2 * SLOTS
    delay.end()
    await on_device_again(pool)


async def test_pauses_grow_while_the_device_stays_away_and_start_anew_once_it_was_well_for_long(
    pool: DeviceDecodePool, loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_device_pool, "_LONGEST_PAUSE_SECONDS", 0.3)
    first = pool._pause
    loss.begin(pool)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while pool.replaced < 3:
            assert pool._pause == min(first * 2**pool.replaced, 0.3)
            await way(pool, b"x" * 9)
            await asyncio.sleep(0.005)
    loss.end()
    await on_device_again(pool)
    assert pool._pause == 0.3
    monkeypatch.setattr(decode_device_pool, "_SETTLED_SECONDS", 0.0)
    before = pool.replaced
    loss.begin(pool)
    loss.end()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while pool.replaced == before:
            await way(pool, b"x" * 9)
            await asyncio.sleep(0.005)
    assert pool._pause == 2 * first


async def test_who_gives_up_leaves_the_slot_to_its_picture(pool: DeviceDecodePool) -> None:
    for _ in range(2):
        waiting = [asyncio.create_task(way(pool, picture)) for picture in [b"slow", *[b"x" * 99] * 2 * SLOTS]]
        await asyncio.sleep(0.1)
        for task in waiting:
            task.cancel()
        lengths = [*range(20, 20 + 2 * SLOTS)]
        assert await asyncio.gather(*(way(pool, b"x" * length) for length in lengths)) == lengths
    assert pool.replaced == 0


async def test_a_device_that_is_not_there_at_the_start_is_refused_with_what_to_do(importable: None) -> None:
    pool = made("Absent")
    with pytest.raises(DecodersUnavailable, match=r"ended with status 1.*DECODE_DEVICE=cpu"):
        await pool.start()
    with pytest.raises(DecodersUnavailable, match="closed"):
        await pool.decode(b"x")


async def test_closing_ends_the_processes_and_who_waits_hears_of_it(importable: None) -> None:
    pool = await made().start()
    waiting = asyncio.create_task(pool.decode(b"hang"))
    await asyncio.sleep(0.1)
    pids = pool.pids
    await pool.close()
    await pool.close()
    with pytest.raises(DecodersUnavailable, match="closed"):
        await waiting
    assert len(pids) == 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_it_decodes_as_the_usual_way_does(drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device decoder itself, on torch's device "cpu"."""
    (tmp_path / "on_cpu.py").write_text(
        "import functools\nfrom inference.decode.device.batch import DeviceDecoder\n"
        "Device = functools.partial(DeviceDecoder, device='cpu')\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    pictures = [drawn(size=size) for size in ((320, 240), (90, 700), (700, 90))] + [drawn("PNG")]
    usual = DecodePool(1, SPEC, LIMITS)
    pool = await DeviceDecodePool(usual, SPEC, LIMITS, decoder="on_cpu:Device").start()
    answers = await asyncio.gather(*(pool.decode(picture) for picture in pictures * 5))
    taken = pool.taken
    await pool.close()
    for picture, answer in zip(pictures * 5, answers, strict=True):
        assert np.abs(answer.astype(int) - decode(picture, SPEC, LIMITS)).mean() < 5
    assert taken == 15
