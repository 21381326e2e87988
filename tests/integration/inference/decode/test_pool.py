"""Real processes throughout; what cannot be drawn (a crash, a hang) is done by decoders that the tests write."""

import asyncio
import errno
import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.decode import Limits, decode, shared_buffer
from inference.decode.adaptive_timeout import AdaptiveTimeout
from inference.decode.lazy_pool import LazyDecodePool
from inference.decode.pool import DecodePool
from inference.decode.process import DecodeProcess
from inference.errors import DecodersUnavailable, RejectedImage
from inference.manifest import InputSpec
from tests.fuzz.memory import peak_bytes
from tests.inference_fixtures import animated

SPEC = InputSpec(size=64, resize=68)
LIMITS = Limits(max_bytes=8 * 1024 * 1024)
DEADLINE_SECONDS = 60
Draw = Callable[..., bytes]

NASTY = """
    import collections, ctypes, itertools, os, signal, stat, sys, time
    import numpy as np

    kept = []

    def is_socket(fd):
        try:
            return stat.S_ISSOCK(os.fstat(fd).st_mode)
        except OSError:
            return False

    def decode(data, spec, limits):
        word, _, rest = bytes(data).partition(b" ")
        if word == b"crash":
            ctypes.string_at(0)
        if word == b"exit":
            os._exit(3)
        if word == b"spin":
            while True:
                pass
        if word == b"spin-in-c":
            collections.deque(itertools.repeat(0), maxlen=0)
        if word == b"abort":
            os.abort()
        if word == b"say":
            parent = os.dup(next(fd for fd in range(3, 99) if is_socket(fd)))
            os.write(parent, rest)
            os.close(parent)
            time.sleep(0.2)
        if word == b"note":
            with open(rest, "a") as file:
                print(os.getpid(), file=file, flush=True)
            time.sleep(1000)
        if word == b"print":
            os.write(1, b"printed"), os.write(2, b"printed"), print("printed"), print("printed", file=sys.stderr)
        if word == b"sleep":
            time.sleep(1000)
        if word == b"eat":
            return np.zeros((1 << 31,), np.uint8)[:1]
        if word == b"swallow":
            while True:
                kept.append(np.empty(10_000_000, np.uint8))
        if word == b"leak":
            kept.append(bytearray(100_000_000))
        if word == b"broken":
            raise ValueError("a bug")
        if word == b"once" and not os.path.exists(rest):
            open(rest, "w").close()
            os.kill(os.getpid(), signal.SIGSEGV)
        if word == b"modules":
            data = str(sorted({"torch", "faust", "openvino"} & set(sys.modules))).encode()
        if word == b"environment":
            data = str(sorted(set(os.environ) - {"PYTHONPATH", "LC_CTYPE"})).encode()
        return np.full((spec.size, spec.size, 3), len(bytes(data)) % 251, np.uint8)
"""


@pytest.fixture
def nasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "nasty_decoder.py").write_text(textwrap.dedent(NASTY))
    monkeypatch.syspath_prepend(tmp_path)
    return "nasty_decoder:decode"


LONG = AdaptiveTimeout(60, 60)
"""The limit on the clock. It is long: a busy machine is nobody's fault here, either."""


@dataclass
class Impatience:
    """A limit on the clock of its own for those that hang, which no healthy picture has to keep; and all attempts."""

    seconds: float = 0.5
    of: Callable[[DecodeProcess, bytes | memoryview], bool] = lambda _process, data: data == b"sleep"
    tried: list[bytes | memoryview] = field(default_factory=list)


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> Impatience:
    made, decode_within = Impatience(), DecodeProcess.decode

    async def decode_impatiently(
        process: DecodeProcess, data: bytes | memoryview, clock_seconds: float
    ) -> NDArray[np.uint8]:
        made.tried.append(data)
        return await decode_within(process, data, made.seconds if made.of(process, data) else clock_seconds)

    monkeypatch.setattr(DecodeProcess, "decode", decode_impatiently)
    return made


@pytest.fixture
async def pool(nasty: str) -> AsyncIterator[DecodePool]:
    async with DecodePool(
        2, SPEC, LIMITS, seconds=0.3, memory_bytes=512 * 1024 * 1024, timeout=LONG, decoder=nasty
    ) as pool:
        yield pool


async def rejection(pool: DecodePool, data: bytes) -> RejectedImage:
    with pytest.raises(RejectedImage) as rejected:
        await pool.decode(data)
    return rejected.value


async def assert_serves(pool: DecodePool) -> None:
    answers = await asyncio.gather(*(pool.decode(b"x" * n) for n in range(1, 9)))
    assert [int(answer[0, 0, 0]) for answer in answers] == list(range(1, 9))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_the_pool_decodes_as_this_process_does(drawn: Draw, cat: bytes) -> None:
    pictures = [drawn(kind, size=(300, 200)) for kind in ("JPEG", "PNG", "WEBP")] + [cat]
    async with DecodePool(2, SPEC, LIMITS) as pool:
        answers = await asyncio.gather(*(pool.decode(picture) for picture in pictures * 3))
        for picture, answer in zip(pictures * 3, answers, strict=True):
            assert np.array_equal(answer, decode(picture, SPEC, LIMITS))
        assert pool.replaced == 0


async def test_rejections_come_through_with_reason_and_detail(drawn: Draw) -> None:
    async with DecodePool(1, SPEC, Limits(max_bytes=50_000, max_pixels=90_000)) as pool:
        assert (await rejection(pool, b"a text")).reason == "unsupported_format"
        assert (await rejection(pool, drawn()[:700])).reason == "undecodable"
        assert (await rejection(pool, drawn(size=(400, 300)))).reason == "too_many_pixels"
        assert (await rejection(pool, b"x" * 50_001)).reason == "too_many_bytes"
        assert "400x300" in (await rejection(pool, drawn(size=(400, 300)))).detail
        assert pool.replaced == 0


KILLERS = {
    b"crash": "SIGSEGV",
    b"exit": "status 3",
    b"abort": "SIGABRT",
    b"spin": "0.3 s of processor time",
    b"spin-in-c": "0.3 s of processor time",
    b"swallow": "out of memory",
    b"say \xee": "unexpected reply",
    b"say pp": "unexpected reply",
    b"say hello": "unexpected reply",
    b"sleep": "0.5 s on the clock",
}


@pytest.mark.usefixtures("impatience")
async def test_what_kills_its_process_is_rejected_alone(pool: DecodePool) -> None:
    await assert_serves(pool)
    for picture, said in KILLERS.items():
        results = await asyncio.gather(
            *(pool.decode(data) for data in (b"a", picture, b"bb", b"ccc", b"dddd")), return_exceptions=True
        )
        assert [isinstance(result, BaseException) for result in results] == [False, True, False, False, False], picture
        rejected = results[1]
        assert isinstance(rejected, RejectedImage), picture
        assert rejected.reason == "decoder_crashed", picture
        assert said in rejected.detail, picture
        await assert_serves(pool)
        assert len(pool.pids) == 2, picture
        assert all(alive(pid) for pid in pool.pids), picture


async def test_a_picture_that_eats_memory_is_rejected_and_the_rest_decodes(pool: DecodePool, drawn: Draw) -> None:
    await assert_serves(pool)
    assert (await rejection(pool, b"eat")).reason == "decoder_crashed"
    await assert_serves(pool)
    async with DecodePool(1, SPEC, LIMITS, memory_bytes=40 * 1024 * 1024) as small:
        bomb = io.BytesIO()
        Image.new("RGB", (6000, 6000)).save(bomb, "PNG")
        assert (await rejection(small, bomb.getvalue())).reason == "decoder_crashed"
        assert np.array_equal(await small.decode(drawn()), decode(drawn(), SPEC, LIMITS))


async def test_a_picture_is_not_blamed_for_a_process_that_dies_under_it_once(pool: DecodePool, tmp_path: Path) -> None:
    await assert_serves(pool)
    answer = await pool.decode(b"once " + str(tmp_path / "died").encode())
    assert (tmp_path / "died").exists()
    assert answer.shape == (64, 64, 3)
    assert pool.replaced == 1


async def test_a_process_killed_while_it_waits_harms_nobody(pool: DecodePool) -> None:
    await assert_serves(pool)
    before = pool.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await assert_serves(pool)
    assert not before & pool.pids


async def test_a_fork_server_that_is_killed_is_replaced_with_its_children(pool: DecodePool) -> None:
    await assert_serves(pool)
    before, server = pool.pids, pool._server
    assert server is not None
    os.kill(server._process.pid, signal.SIGKILL)
    await until(lambda: not any(alive(pid) for pid in before))
    await assert_serves(pool)
    assert pool._server is not server
    assert len(pool.pids) == 2


async def test_a_process_that_has_no_room_to_start_takes_no_place_of_the_pool_with_it(
    pool: DecodePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await assert_serves(pool)
    with monkeypatch.context() as full:
        full.setattr(shared_buffer, "_anonymous_file", no_file)
        ended = [str(await raised(pool.decode(b"crash"))) for _ in range(6)]
        assert sum("cannot be started" in each for each in ended) >= 2, ended
    await assert_serves(pool)
    assert len(pool.pids) == 2


async def raised(decoding: Awaitable[object]) -> BaseException:
    [error] = await asyncio.gather(decoding, return_exceptions=True)
    assert isinstance(error, RejectedImage | DecodersUnavailable)
    return error


def no_file() -> int:
    raise OSError(errno.EMFILE, "Too many open files")


async def test_a_process_killed_under_a_picture_is_replaced_and_the_picture_tried_again(
    pool: DecodePool, tmp_path: Path
) -> None:
    """As the kernel does when memory is short. Killed twice, the picture counts as the culprit."""
    await assert_serves(pool)
    noted = tmp_path / "pids"
    noted.touch()
    decoding = asyncio.create_task(pool.decode(b"note " + str(noted).encode()))
    neighbour = asyncio.create_task(pool.decode(b"xx"))
    for times in (1, 2):
        await until(lambda times=times: len(noted.read_text().split()) == times)  # type: ignore[misc]  # a default binds it
        os.kill(int(noted.read_text().split()[-1]), signal.SIGKILL)
    with pytest.raises(RejectedImage, match="decoder_crashed: it was killed by SIGKILL"):
        await decoding
    assert (await neighbour)[0, 0, 0] == 2
    await assert_serves(pool)
    assert len(pool.pids) == 2


async def test_a_process_that_speaks_unasked_is_replaced(pool: DecodePool) -> None:
    """One byte too many could be taken for the answer to the next picture."""
    await assert_serves(pool)
    before = pool.pids
    await pool.decode(b"say p")  # answered at once by that byte, and once more when the decoder is done
    await until(lambda: not all(alive(pid) for pid in before))
    await assert_serves(pool)
    assert pool.pids != before
    assert len(pool.pids) == 2


async def test_a_process_whose_death_while_it_waited_was_noticed_harms_nobody(pool: DecodePool) -> None:
    await assert_serves(pool)
    before = pool.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before))  # waited for, so it was noticed
    await assert_serves(pool)
    assert not before & pool.pids
    assert len(pool.pids) == 2


async def test_decoders_print_nothing_into_the_services_log(capfd: pytest.CaptureFixture[str], nasty: str) -> None:
    """What libtiff says about a damaged file is partly the uploader's words."""
    async with DecodePool(1, SPEC, LIMITS, decoder=nasty) as talkative:  # started when capfd is in place already
        await talkative.decode(b"print")
    async with DecodePool(1, SPEC, LIMITS) as real:
        buffer = io.BytesIO()
        Image.new("1", (64, 64)).save(buffer, "TIFF", compression="group4")
        await rejection(real, buffer.getvalue().replace(b"\x01\x03\x00\x01", b"\x01\x03\x00\x09"))
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


async def test_a_process_that_is_stopped_counts_as_hung(pool: DecodePool, impatience: Impatience) -> None:
    await assert_serves(pool)
    stopped = pool.pids
    impatience.of = lambda process, _data: process.pid in stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    await assert_serves(pool)
    assert not stopped & pool.pids


async def test_a_terminals_and_a_managers_signals_are_the_parents_to_handle(pool: DecodePool) -> None:
    await assert_serves(pool)
    before = pool.pids
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    await assert_serves(pool)
    assert pool.pids == before


async def test_a_cancelled_picture_leaves_a_pool_that_works(pool: DecodePool) -> None:
    tasks = [asyncio.create_task(pool.decode(b"sleep")) for _ in range(4)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    assert all(isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*tasks, return_exceptions=True))
    await assert_serves(pool)
    assert len(pool.pids) == 2


async def test_a_bug_in_the_decoder_is_no_pictures_fault(pool: DecodePool) -> None:
    with pytest.raises(DecodersUnavailable, match="a bug"):
        await pool.decode(b"broken")
    await assert_serves(pool)


async def test_children_have_neither_torch_nor_faust_nor_the_parents_environment(
    pool: DecodePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await pool.decode(b"modules"))[0, 0, 0] == len("[]")
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    assert (await pool.decode(b"environment"))[0, 0, 0] == len("[]")


async def test_a_decoder_that_cannot_be_imported_stops_the_start() -> None:
    pool = DecodePool(2, SPEC, LIMITS, decoder="no_such_module:decode")
    with pytest.raises(DecodersUnavailable, match="status 1"):
        await pool.start()
    assert not any(alive(pid) for pid in pool.pids)


@pytest.mark.parametrize(("fresh_for_each", "tries"), [(False, 2), (True, 1)])
async def test_what_hangs_in_a_process_that_has_seen_no_other_is_not_tried_again(
    nasty: str, impatience: Impatience, *, fresh_for_each: bool, tries: int
) -> None:
    good = b"a good one, as it is tried after each that is refused"
    async with DecodePool(1, SPEC, LIMITS, timeout=LONG, fresh_for_each=fresh_for_each, decoder=nasty) as pool:
        await pool.decode(good)
        assert (await rejection(pool, b"sleep")).reason == "decoder_crashed"
    assert impatience.tried == [good, *[b"sleep"] * tries]


async def test_a_pool_that_could_not_start_in_a_bad_moment_starts_with_the_next_picture(
    monkeypatch: pytest.MonkeyPatch, cat: bytes
) -> None:
    async with AsyncExitStack() as parts:
        pool = LazyDecodePool(DecodePool(1, SPEC, LIMITS))
        parts.push_async_callback(pool.close)
        with monkeypatch.context() as busy:
            busy.setattr("inference.decode.process._START_SECONDS", 0.0)
            with pytest.raises(DecodersUnavailable):
                await pool.decode(cat)
        assert np.array_equal(await pool.decode(cat), decode(cat, SPEC, LIMITS))
        assert len(pool.cpu_pool.pids) == 1


async def test_closing_ends_the_children_and_who_waits_for_them(nasty: str) -> None:
    pool = await DecodePool(1, SPEC, LIMITS, decoder=nasty).start()
    pids = pool.pids
    waiting = [asyncio.create_task(pool.decode(b"sleep")) for _ in range(3)]
    await asyncio.sleep(0.05)
    await pool.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, DecodersUnavailable) for result in results)
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(DecodersUnavailable):
        await pool.decode(b"x")
    await pool.close()


async def test_no_descriptor_is_left_open(nasty: str) -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    async with DecodePool(1, SPEC, LIMITS, decoder=nasty) as pool:
        await pool.decode(b"x")
    before = descriptors()
    async with DecodePool(2, SPEC, LIMITS, decoder=nasty) as pool:
        for _ in range(3):
            await rejection(pool, b"crash")
    assert descriptors() == before


PARENT = """
    import asyncio, sys
    from inference.decode import Limits
    from inference.decode.pool import DecodePool
    from inference.manifest import InputSpec

    async def main():
        pool = await DecodePool(2, InputSpec(size=64, resize=68), Limits(), decoder="nasty_decoder:decode").start()
        busy = asyncio.create_task(pool.decode(b"sleep"))
        await asyncio.sleep(0.05)
        print(*pool.pids, flush=True)
        await busy

    asyncio.run(main())
"""


async def test_children_die_with_a_parent_that_is_killed(nasty: str, tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220 - its output is read below, with a deadline of the test's own
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[4])])},
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in (await asyncio.to_thread(parent.stdout.readline)).split()]
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_picture_is_not_blamed_for_the_memory_that_its_process_lost_before(pool: DecodePool) -> None:
    await assert_serves(pool)
    for _ in range(12):  # 12 times 100 MB are kept, with 512 MB for each process
        assert (await pool.decode(b"leak")).shape == (64, 64, 3)
    assert pool.replaced >= 2


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read off /proc")
async def test_a_phones_largest_picture_takes_little_memory(drawn: Draw) -> None:
    """48 megapixels are 146 MB of RGB; libjpeg's scaling keeps them from ever being in memory."""
    async with DecodePool(1, SPEC, Limits()) as pool:
        await pool.decode(drawn())
        [pid] = pool.pids
        before = peak_bytes(pid)
        await pool.decode(drawn(size=(8064, 6048), quality=60))
        assert peak_bytes(pid) - before < 40 * 1024 * 1024


async def test_a_process_with_less_memory_rejects_a_webp_that_would_not_fit_and_goes_on(
    drawn: Draw,
) -> None:
    async with DecodePool(1, SPEC, Limits(), memory_bytes=512 * 1024 * 1024) as pool:
        with pytest.raises(RejectedImage) as rejection:
            await pool.decode(animated(9000, 9000))
        assert rejection.value.reason == "too_many_pixels"
        assert (await pool.decode(animated(4000, 3000))).shape == (64, 64, 3)
        assert (await pool.decode(drawn("WEBP"))).shape == (64, 64, 3)
        assert pool.replaced == 0


async def test_children_see_what_they_are_given_of_the_environment_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "telling_decoders.py").write_text(
        "import os\nfrom inference.errors import RejectedImage\n"
        "def decode(data, spec, limits):\n"
        "    raise RejectedImage('undecodable', ' '.join([*os.environ, os.environ['CUDA_VISIBLE_DEVICES']]))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    given = {"CUDA_VISIBLE_DEVICES": "3"}
    async with DecodePool(1, SPEC, Limits(), decoder="telling_decoders:decode", environment=given) as pool:
        with pytest.raises(RejectedImage) as rejection:
            await pool.decode(b"x")
    assert {"CUDA_VISIBLE_DEVICES", "PYTHONPATH", "3"} <= set(rejection.value.detail.split())
    assert "DATABASE_PASSWORD" not in rejection.value.detail
