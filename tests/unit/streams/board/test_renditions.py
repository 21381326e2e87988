"""Small pictures: made once, remembered, and no picture holds up another one."""

import asyncio

import pytest

from streams.board.objects import NoPictureError, ObjectVersion, StoredObject, UnavailableError
from streams.board.rendition_cache import ENTRY_BYTES, Entry, RenditionCache
from streams.board.renditions import CrashedError, Renditions

CAT, DOG = ObjectVersion("pictures", "cat.jpg", None), ObjectVersion("pictures", "dog.jpg", None)


class Store:
    """One version of each object; ``errors`` come instead."""

    def __init__(self) -> None:
        self.etags: dict[ObjectVersion, str] = {}
        self.errors: dict[ObjectVersion, Exception] = {}
        self.asked: list[tuple[ObjectVersion, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = 0
        self.held_most = 0

    async def read(self, place: ObjectVersion, etag: str = "") -> StoredObject | None:
        self.asked.append((place, etag))
        self.held += 1
        self.held_most = max(self.held, self.held_most)
        await self.gate.wait()
        self.held -= 1
        if place in self.errors:
            raise self.errors[place]
        now = self.etags.get(place, "v1")
        return None if etag == now else StoredObject(f"{place.key} {now}".encode(), now)


class Decoder:
    def __init__(self) -> None:
        self.rendered: list[bytes] = []
        self.error: Exception | None = None

    async def render(self, data: bytes) -> bytes:
        self.rendered.append(data)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return b"small " + data


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def decoder() -> Decoder:
    return Decoder()


class Clock:
    """Seconds since the test began."""

    now = 0.0

    def __call__(self) -> float:
        return 1000 + self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def of(
    store: Store, decoder: Decoder, clock: Clock | None = None, *, at_once: int = 4, waiting_max: int = 10
) -> Renditions:
    cache = RenditionCache(1_000_000)
    return Renditions(store, decoder, cache, at_once=at_once, waiting_max=waiting_max, clock=clock or Clock())


async def test_a_picture_is_made_once_for_all_who_ask(store: Store, decoder: Decoder) -> None:
    renditions = of(store, decoder)
    found = await asyncio.gather(*(renditions.jpeg(CAT) for _ in range(20)))
    assert set(found) == {b"small cat.jpg v1"}
    assert await renditions.jpeg(CAT) == b"small cat.jpg v1"
    assert (len(store.asked), len(decoder.rendered)) == (1, 1)


async def test_the_store_is_asked_after_a_while_and_the_picture_made_anew_only_if_it_changed(
    store: Store, decoder: Decoder, clock: Clock
) -> None:
    renditions = of(store, decoder, clock)
    await renditions.jpeg(CAT)
    clock.now = 9
    await renditions.jpeg(CAT)
    assert store.asked == [(CAT, "")]
    clock.now = 11
    assert await renditions.jpeg(CAT) == b"small cat.jpg v1"
    assert store.asked[1:] == [(CAT, "v1")]
    assert len(decoder.rendered) == 1
    store.etags[CAT] = "v2"
    clock.now = 30
    assert await renditions.jpeg(CAT) == b"small cat.jpg v2"


async def test_a_store_without_conditions_costs_a_read_and_no_decoding(
    store: Store, decoder: Decoder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    renditions = of(store, decoder, clock)
    await renditions.jpeg(CAT)

    async def read(place: ObjectVersion, etag: str = "") -> StoredObject:
        return StoredObject(b"cat.jpg v1", "v1")

    monkeypatch.setattr(store, "read", read)
    clock.now = 11
    assert await renditions.jpeg(CAT) == b"small cat.jpg v1"
    assert len(decoder.rendered) == 1


async def test_a_refusal_is_remembered_until_the_object_changes(store: Store, decoder: Decoder, clock: Clock) -> None:
    renditions = of(store, decoder, clock)
    decoder.error = NoPictureError("the file is damaged")
    for seconds in (0, 1, 11, 200):
        clock.now = seconds
        with pytest.raises(NoPictureError, match="damaged"):
            await renditions.jpeg(CAT)
    assert len(decoder.rendered) == 1
    decoder.error = None
    store.etags[CAT] = "v2"
    clock.now = 300
    assert await renditions.jpeg(CAT) == b"small cat.jpg v2"


async def test_a_picture_that_hung_is_left_alone_for_a_minute_and_then_tried_again(
    store: Store, decoder: Decoder, clock: Clock
) -> None:
    renditions = of(store, decoder, clock)
    decoder.error = CrashedError("it takes too long")
    for seconds in (0, 30, 59):
        clock.now = seconds
        with pytest.raises(NoPictureError, match="too long"):
            await renditions.jpeg(CAT)
    assert len(decoder.rendered) == 1
    decoder.error = None
    clock.now = 61
    assert await renditions.jpeg(CAT) == b"small cat.jpg v1"


async def test_a_picture_that_was_made_is_shown_while_the_store_is_away(
    store: Store, decoder: Decoder, clock: Clock
) -> None:
    renditions = of(store, decoder, clock)
    await renditions.jpeg(CAT)
    store.errors = dict.fromkeys((CAT, DOG), UnavailableError("the store does not answer"))
    clock.now = 11
    assert await renditions.jpeg(CAT) == b"small cat.jpg v1"
    with pytest.raises(UnavailableError):
        await renditions.jpeg(DOG)


async def test_a_picture_that_was_deleted_or_forbidden_is_not_shown_any_more(
    store: Store, decoder: Decoder, clock: Clock
) -> None:
    renditions = of(store, decoder, clock)
    await renditions.jpeg(CAT)
    store.errors[CAT] = NoPictureError("the store did not return it: AccessDenied")
    clock.now = 11
    with pytest.raises(NoPictureError, match="AccessDenied"):
        await renditions.jpeg(CAT)
    store.errors[CAT] = UnavailableError("the store does not answer")
    with pytest.raises(UnavailableError):
        await renditions.jpeg(CAT)


async def test_decoders_that_do_not_work_are_no_fault_of_the_picture(store: Store, decoder: Decoder) -> None:
    renditions = of(store, decoder)
    decoder.error = UnavailableError("the decoding processes do not work")
    with pytest.raises(UnavailableError):
        await renditions.jpeg(CAT)
    decoder.error = None
    assert await renditions.jpeg(CAT) == b"small cat.jpg v1"


async def test_so_many_are_read_at_a_time_and_so_many_wait(store: Store, decoder: Decoder) -> None:
    renditions = of(store, decoder, at_once=3, waiting_max=10)
    store.gate.clear()
    asked = [asyncio.create_task(renditions.jpeg(ObjectVersion("pictures", f"{n}.jpg", None))) for n in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError, match="too many"):
        await renditions.jpeg(CAT)
    for _ in range(5):
        await asyncio.sleep(0)
    store.gate.set()
    assert len(await asyncio.gather(*asked)) == 10
    assert store.held_most == 3
    assert await renditions.jpeg(CAT)


async def test_a_viewer_that_leaves_takes_no_picture_from_another_one(store: Store, decoder: Decoder) -> None:
    renditions = of(store, decoder)
    store.gate.clear()
    one, other = (asyncio.create_task(renditions.jpeg(CAT)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    store.gate.set()
    assert await other == b"small cat.jpg v1"
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_an_error_that_no_viewer_waits_for_is_not_reported_as_lost(store: Store, decoder: Decoder) -> None:
    renditions = of(store, decoder)
    store.gate.clear()
    store.errors[CAT] = NoPictureError("the store did not return it: NoSuchKey")
    lost: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: lost.append(context))
    viewer = asyncio.create_task(renditions.jpeg(CAT))
    await asyncio.sleep(0)
    viewer.cancel()
    store.gate.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not renditions._pending
    assert lost == []


def test_the_cache_keeps_to_its_bytes_and_drops_what_was_used_longest_ago() -> None:
    cache = RenditionCache(3 * (ENTRY_BYTES + 1000))
    places = [ObjectVersion("pictures", f"{n}.jpg", None) for n in range(4)]
    for place in places[:3]:
        cache.put(place, Entry("e", b"x" * 1000, "", 0))
    assert cache.get(places[0])
    cache.put(places[3], Entry("e", b"x" * 1000, "", 0))
    assert cache.get(places[1]) is None
    assert cache.get(places[0])
    assert (len(cache), cache.bytes) == (3, 3 * (ENTRY_BYTES + 1000))
    cache.put(places[0], Entry("e", b"", "no", 0))
    assert cache.bytes == 2 * 1000 + 3 * ENTRY_BYTES
    for number in range(1000):
        cache.put(ObjectVersion("pictures", f"refused {number}", None), Entry("e", b"", "no", 0))
    assert len(cache) <= 3 * (ENTRY_BYTES + 1000) // ENTRY_BYTES, "the count is bounded, too"
    cache.put(CAT, Entry("e", b"x" * 1_000_000, "", 0))
    assert (len(cache), cache.bytes) == (0, 0)
