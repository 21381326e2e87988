import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streams.classify import fetching
from streams.classify.circuits import Circuits
from streams.classify.fetching import Fetching
from streams.classify.object_store import Reading, StoredImage
from streams.classify.s3_errors import FetchError, ObjectMissingError, StoreUnavailableError
from streams.consumer.byte_budget import ByteBudget
from streams.notifications.upload import ImageUploaded
from streams.runtime.outages import Outages

pytestmark = pytest.mark.usefixtures("virtual_time")

PICTURE = StoredImage(b"\xff\xd8\xff", {}, "etag")
UPLOAD = ImageUploaded("pets", "uploads/ann/x.jpg", datetime(2026, 11, 23, tzinfo=UTC), "0" * 64, None, None, 1)
"""Of an event that states one byte."""


class Store:
    """States 60 bytes, then answers with what it is told to, one after the other."""

    def __init__(self, budget: ByteBudget, *answers: StoredImage | FetchError) -> None:
        self._answers = iter(answers)
        self._budget = budget
        self.used_before: list[int] = []

    async def fetch(self, _upload: ImageUploaded, _max_bytes: int, reading: Reading) -> StoredImage:
        self.used_before.append(self._budget.used)
        await reading.reserve(60)
        answer = next(self._answers)
        if isinstance(answer, FetchError):
            raise answer
        return answer


@pytest.fixture
def budget() -> ByteBudget:
    return ByteBudget(100)


def fetching_from(store: Store) -> Fetching:
    return Fetching(store, Circuits(Outages()).store, max_bytes=100)


async def test_what_the_response_states_is_held_and_not_what_the_event_states(budget: ByteBudget) -> None:
    store = Store(budget, PICTURE)
    with budget.claim() as claim:
        assert await fetching_from(store).fetch(UPLOAD, claim, extended=False) == PICTURE
        assert (store.used_before, budget.used) == ([0], 60)


@pytest.mark.usefixtures("impatient")
async def test_nothing_is_held_between_two_attempts(budget: ByteBudget) -> None:
    store = Store(budget, StoreUnavailableError("it broke off"), ObjectMissingError("404"))
    with budget.claim() as claim:
        with pytest.raises(ObjectMissingError):
            await fetching_from(store).fetch(UPLOAD, claim, extended=False)
        assert (store.used_before, budget.used) == ([0, 0], 0)


async def test_waiting_for_capacity_that_others_hold_is_not_taken_for_a_silent_store(
    budget: ByteBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "QUICK_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.01)
    with budget.claim() as claim, budget.claim() as others:
        await others.take(100)
        asyncio.get_running_loop().call_later(0.03, others.release)
        assert await fetching_from(Store(budget, PICTURE)).fetch(UPLOAD, claim, extended=False) == PICTURE


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("said", "is_open"), [(ObjectMissingError("404"), False), (StoreUnavailableError("503"), True)], ids=str
)
async def test_a_probe_asks_for_an_object_that_is_nobodys_too(
    budget: ByteBudget, said: FetchError, *, is_open: bool
) -> None:
    """Else those of one user, of which none is given, would hold the circuit open for all, for ever."""

    class OfOneUser(Store):
        async def fetch(self, upload: ImageUploaded, _max_bytes: int, _reading: Reading) -> StoredImage:
            raise said if upload.key == fetching.PROBE_KEY else StoreUnavailableError("503")

    circuit = Circuits(Outages()).store
    circuit._failed_keys.add(UPLOAD.id)
    circuit._is_open = True
    with budget.claim() as claim, pytest.raises(StoreUnavailableError):
        await Fetching(OfOneUser(budget), circuit, max_bytes=100).fetch(UPLOAD, claim, extended=False)
    assert circuit.is_open is is_open


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("said", "is_open"),
    [(None, False), (ObjectMissingError("404"), False), (StoreUnavailableError("503"), True)],
    ids=str,
)
async def test_a_probe_reads_again_what_was_read_last(
    budget: ByteBudget, said: FetchError | None, *, is_open: bool
) -> None:
    """What answers about an object that is not there may still give none that is."""
    read = replace(UPLOAD, key="read.png")
    asked = []

    class OfOneUser(Store):
        async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
            asked.append(upload.key)
            if upload.key != read.key:
                raise StoreUnavailableError("503")
            if said is not None and len(asked) > 1:
                raise said
            return await super().fetch(upload, max_bytes, reading)

    circuit = Circuits(Outages()).store
    reads = Fetching(OfOneUser(budget, PICTURE, PICTURE), circuit, max_bytes=100)
    with budget.claim() as claim:
        await reads.fetch(read, claim, extended=False)
    circuit._failed_keys.add(UPLOAD.id)
    circuit._is_open = True
    with budget.claim() as claim, pytest.raises(StoreUnavailableError):
        await reads.fetch(UPLOAD, claim, extended=False)
    assert asked[:2] == [read.key, read.key]
    assert circuit.is_open is is_open


async def test_after_it_waited_for_capacity_an_object_has_no_more_time_than_others(
    budget: ByteBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "QUICK_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.01)

    class Silent(Store):
        async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
            await super().fetch(upload, max_bytes, reading)
            await asyncio.Event().wait()
            raise AssertionError("it never comes here")

    with budget.claim() as claim, budget.claim() as others:
        await others.take(100)
        asyncio.get_running_loop().call_later(0.02, others.release)
        with pytest.raises(StoreUnavailableError, match="no end of its answer"):
            async with asyncio.timeout(60):
                await fetching_from(Silent(budget, PICTURE)).fetch(UPLOAD, claim, extended=False)


class Silent(Store):
    """Says nothing about any object but one."""

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        if upload.key == "heard.png":
            await asyncio.sleep(0.02)
            return await super().fetch(upload, max_bytes, reading)
        await asyncio.Event().wait()
        raise AssertionError("it never comes here")


class Stopping(Store):
    """Sends the first part of each object but one, then nothing."""

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        await reading.reserve(60)
        reading.arrived()
        if upload.key == "heard.png":
            return await super().fetch(upload, max_bytes, reading)
        await asyncio.Event().wait()
        raise AssertionError("it never comes here")


async def seconds_until_given_up(reads: Fetching, budget: ByteBudget, number: int) -> float:
    began = asyncio.get_running_loop().time()
    with budget.claim() as claim, pytest.raises(StoreUnavailableError, match=r"no answer for|its answer stopped for"):
        await reads.fetch(replace(UPLOAD, key=f"{number}.png"), claim, extended=False)
    return asyncio.get_running_loop().time() - began


async def test_an_answer_that_stops_after_its_head_is_not_called_none(
    budget: ByteBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.01)

    class HeadAlone(Store):
        async def fetch(self, _upload: ImageUploaded, _max_bytes: int, reading: Reading) -> StoredImage:
            await reading.reserve(60)
            await asyncio.Event().wait()
            raise AssertionError("it never comes here")

    with budget.claim() as claim, pytest.raises(StoreUnavailableError, match=r"its answer stopped for 0\.01 s"):
        await fetching_from(HeadAlone(budget)).fetch(UPLOAD, claim, extended=False)


@pytest.mark.parametrize("kind", [Silent, Stopping])
async def test_once_the_store_was_silent_about_some_objects_the_next_ones_hold_their_places_for_less(
    monkeypatch: pytest.MonkeyPatch, kind: type[Store]
) -> None:
    budget = ByteBudget(1000)
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(fetching, "SHORT_SILENT_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "MEMORY_SECONDS", 1000)
    reads = fetching_from(kind(budget, PICTURE, PICTURE))
    with budget.claim() as claim:
        await reads.fetch(replace(UPLOAD, key="heard.png"), claim, extended=False)
    crowd = (seconds_until_given_up(reads, budget, number) for number in range(fetching.SILENT_OBJECTS))
    assert min(await asyncio.gather(*crowd)) >= 0.1
    assert await seconds_until_given_up(reads, budget, 99) < 0.1
    monkeypatch.setattr(fetching, "MEMORY_SECONDS", 0)
    with budget.claim() as claim:
        await reads.fetch(replace(UPLOAD, key="heard.png"), claim, extended=False)


class Hesitating(Stopping):
    """Answers about healthy objects after a while."""

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        if not upload.key.startswith("slow"):
            return await super().fetch(upload, max_bytes, reading)
        await asyncio.sleep(0.02)
        await reading.reserve(60)
        return PICTURE


async def test_a_store_that_takes_a_while_for_all_objects_keeps_its_while_beside_silent_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 1)
    monkeypatch.setattr(fetching, "SHORT_SILENT_SECONDS", 0.01)
    budget = ByteBudget(1000)
    reads = fetching_from(Hesitating(budget))

    async def slow(number: int) -> StoredImage:
        with budget.claim() as claim:
            return await reads.fetch(replace(UPLOAD, key=f"slow {number}.png"), claim, extended=False)

    await slow(0)
    crowd = (seconds_until_given_up(reads, budget, number) for number in range(fetching.SILENT_OBJECTS))
    await asyncio.gather(*crowd)
    assert await seconds_until_given_up(reads, budget, 99) < 1
    assert await slow(1) == PICTURE


class Slow(Stopping):
    """Sends some of each object now and then, and never its end."""

    async def fetch(self, _upload: ImageUploaded, _max_bytes: int, reading: Reading) -> StoredImage:
        await reading.reserve(60)
        while True:
            await asyncio.sleep(0.02)
            reading.arrived()


async def test_objects_that_come_too_slowly_to_come_in_time_hurry_the_next_ones_as_silent_ones_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "QUICK_SECONDS", 0.2)
    monkeypatch.setattr(fetching, "SHORT_SILENT_SECONDS", 0.01)
    budget = ByteBudget(1000)
    reads = fetching_from(Slow(budget))

    async def seconds() -> float:
        began = asyncio.get_running_loop().time()
        with budget.claim() as claim, pytest.raises(StoreUnavailableError):
            await reads.fetch(UPLOAD, claim, extended=False)
        return asyncio.get_running_loop().time() - began

    assert min(await asyncio.gather(*(seconds() for _ in range(fetching.SILENT_OBJECTS)))) >= 0.2
    assert await seconds() < 0.2


async def test_objects_that_waited_for_capacity_meanwhile_hurry_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a crowd of large ones that stop would hold capacity of all for the longer time, one after the other."""
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(fetching, "SHORT_SILENT_SECONDS", 0.01)
    budget = ByteBudget(60 * fetching.SILENT_OBJECTS)
    reads = fetching_from(Stopping(budget))
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(seconds_until_given_up(reads, budget, n) for n in range(5 * fetching.SILENT_OBJECTS)))
    assert asyncio.get_running_loop().time() - began < 1


async def test_silent_objects_of_a_retry_topic_leave_those_that_come_in_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They hold neither their places nor their capacity, and there may be some every minute, for a day."""
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(fetching, "SHORT_SILENT_SECONDS", 0.001)
    monkeypatch.setattr(fetching, "EXTENDED_FACTOR", 1)
    budget = ByteBudget(1000)
    reads = fetching_from(Silent(budget, PICTURE))

    async def parked() -> None:
        with budget.claim() as claim, pytest.raises(StoreUnavailableError, match=r"for 0\.3 s"):
            await reads.fetch(UPLOAD, claim, extended=True)

    await asyncio.gather(*(parked() for _ in range(fetching.SILENT_OBJECTS)))
    with budget.claim() as claim:
        assert await reads.fetch(replace(UPLOAD, key="heard.png"), claim, extended=False) == PICTURE
