import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self
from unittest.mock import patch

import numpy as np
import pytest

from inference.errors import RejectedImage
from inference.manifest import InputSpec
from inference.prediction import Prediction, Scores
from inference.witnesses import witness
from streams.alike import GUARD, DoubtfulRejectionError
from streams.batches import Batcher
from streams.byte_budget import ByteBudget
from streams.classify import Classify, Rules
from streams.contracts import ImageClassified, ImageRejected, Model
from streams.images import (
    FetchError,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    StoredImage,
    StoreUnavailableError,
)
from streams.outages import Outages
from streams.outcomes import Outcome
from streams.serving import Serving, Slot
from streams.shadow import Pixels
from streams.uploads import ImageUploaded
from streams.user_names import KeyPattern

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MODEL = Model(name="m", version="1", rev=3, sha256="0" * 64)
MESSAGE = b'{"the": "notification"}'
CAT = Prediction("cat", 0.9, Scores(0.9, 0.06, 0.04))
NEITHER = Prediction("neither", 0.8, Scores(0.1, 0.1, 0.8))


def uploaded(key: str = "uploads/ann/x.jpg", size: int | None = 10) -> ImageUploaded:
    return ImageUploaded("pets", key, NOW, "A".ljust(64, "0"), "v1", "etag-of-event", size)


class Store:
    """Answers each fetch of a key with the next of its scripted answers; the last one stays."""

    def __init__(self, **answers: list[StoredImage | FetchError]) -> None:
        self.answers = answers
        self.fetched: list[str] = []
        self.pads = True

    async def fetch(self, upload: ImageUploaded, max_bytes: int) -> StoredImage:
        name = upload.key.rpartition("/")[2].partition(".")[0]
        self.fetched.append(name)
        script = self.answers.get(name, [StoredImage(b"picture", {}, "etag-as-read")])
        answer = script.pop(0) if len(script) > 1 else script[0]
        await asyncio.sleep(0)
        if isinstance(answer, FetchError):
            raise type(answer)(*answer.args)
        if self.pads:  # as many bytes as the event says
            return replace(answer, data=answer.data.ljust(upload.size_bytes or 0))
        return answer


class Decoder:
    replaced = 0

    def __init__(self) -> None:
        self.fails = 0
        """For so many pictures more it refuses whatever comes."""

    @property
    def usual(self) -> "Decoder":
        return self

    async def decode(self, data: bytes) -> Pixels:
        self.fails -= 1
        if data.startswith(b"broken") or self.fails >= 0:
            raise RejectedImage("undecodable", "cut off")
        return np.zeros((2, 2, 3), np.uint8)

    async def close(self) -> None:
        pass


class Device(Decoder):
    """Takes what is not broken; what is, is refused by the decoder behind it."""

    def __init__(self, behind: Decoder) -> None:
        super().__init__()
        self.behind = behind

    @property
    def usual(self) -> Decoder:
        return self.behind

    async def decode(self, data: bytes) -> Pixels:
        if data.startswith(b"broken"):
            return await self.behind.decode(data)
        return await super().decode(data)


class OnlyWitnesses(Decoder):
    """Broken for pictures as people have them."""

    async def decode(self, data: bytes) -> Pixels:
        if data != witness("JPEG"):
            raise RejectedImage("undecodable", "cut off")
        return await super().decode(data)


class Bench:
    """The use case over fakes of what it is given, with a real batcher."""

    def __init__(
        self,
        store: Store,
        prediction: Prediction = CAT,
        default_user: str | None = None,
        alike_max: int = 0,
        decoder: Decoder | None = None,
    ) -> None:
        async def run(batch: Sequence[tuple[Serving, Pixels]]) -> list[Prediction]:
            return [prediction] * len(batch)

        self.batcher = Batcher(run, max_size=4, max_wait_seconds=0)
        self.decoder = decoder or Decoder()
        predictor: Any = None  # the batcher's run above answers instead
        self.slot = Slot(Serving(MODEL, InputSpec(size=2, resize=2), predictor, self.decoder))
        self.budget = ByteBudget(100)
        self.outages = Outages()
        self.classify = Classify(
            store=store,
            slot=self.slot,
            batcher=self.batcher,
            budget=self.budget,
            rules=Rules(100, KeyPattern("uploads/{user_name}/{name}"), default_user, alike_max),
            outages=self.outages,
            now=lambda: NOW,
        )

    async def __aenter__(self) -> Self:
        self.serving = asyncio.create_task(self.batcher.serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.serving.cancel()

    async def __call__(self, upload: ImageUploaded | None = None) -> Outcome:
        return await self.classify(upload or uploaded(), MESSAGE)


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, ImageRejected)
    assert outcome.upload_event == MESSAGE
    assert outcome.model == MODEL
    return outcome.reason


async def test_a_cat_is_classified_with_everything_a_subscriber_needs() -> None:
    async with Bench(Store()) as bench:
        outcome = await bench()
    assert isinstance(outcome, ImageClassified)
    assert (outcome.classification, outcome.confidence, outcome.user_name) == ("cat", 0.9, "ann")
    assert (outcome.image_url, outcome.version_id, outcome.etag) == (
        "s3://pets/uploads/ann/x.jpg",
        "v1",
        "etag-as-read",
    )
    assert outcome.id == uploaded().id
    assert outcome.sequencer == uploaded().sequencer
    assert (outcome.uploaded_at, outcome.classified_at, outcome.model) == (NOW, NOW, MODEL)


async def test_what_is_no_pet_is_rejected_and_never_forced_to_be_one() -> None:
    async with Bench(Store(), NEITHER) as bench:
        assert reason(await bench()) == "not_a_pet"


async def test_metadata_names_the_user_before_the_key() -> None:
    async with Bench(Store(x=[StoredImage(b"", {"user-name": "zoe"}, None)])) as bench:
        outcome = await bench()
    assert outcome.user_name == "zoe"


async def test_a_picture_of_nobody_is_rejected_as_no_user() -> None:
    async with Bench(Store()) as bench:
        assert reason(await bench(uploaded("x.jpg"))) == "no_user"


async def test_a_corrupt_picture_is_rejected_and_its_neighbours_are_not() -> None:
    async with Bench(Store(bad=[StoredImage(b"broken", {}, None)])) as bench:
        outcomes = await asyncio.gather(*(bench(uploaded(f"uploads/ann/{name}.jpg")) for name in ("a", "bad", "b")))
    assert [type(outcome) for outcome in outcomes] == [ImageClassified, ImageRejected, ImageClassified]
    assert reason(outcomes[1]) == "undecodable"


async def test_an_object_that_is_too_large_is_not_even_fetched() -> None:
    store = Store()
    async with Bench(store) as bench:
        assert reason(await bench(uploaded(size=101))) == "too_many_bytes"
    assert store.fetched == []


async def test_an_object_that_turns_out_too_large_is_rejected() -> None:
    async with Bench(Store(x=[ObjectTooLargeError("101")])) as bench:
        assert reason(await bench(uploaded(size=None))) == "too_many_bytes"


@pytest.mark.usefixtures("impatient")
async def test_an_object_that_is_gone_is_missing_after_a_few_attempts() -> None:
    store = Store(x=[ObjectMissingError("NoSuchKey")])
    async with Bench(store) as bench:
        assert reason(await bench()) == "missing"
        assert bench.outages.current == ()
    assert len(store.fetched) == 4


@pytest.mark.usefixtures("impatient")
async def test_a_notification_that_outruns_its_object_is_not_lost() -> None:
    store = Store(x=[ObjectMissingError("NoSuchKey"), StoredImage(b"", {}, None)])
    async with Bench(store) as bench:
        assert isinstance(await bench(), ImageClassified)


@pytest.mark.usefixtures("impatient")
async def test_an_outage_of_the_store_rejects_nothing_and_is_declared_until_it_ends() -> None:
    seen: list[int] = []
    store = Store(x=[*[StoreUnavailableError("503")] * 7, StoredImage(b"", {}, None)])
    async with Bench(store) as bench:
        with patch.object(Outages, "begin", lambda *_: seen.append(1)):
            assert isinstance(await bench(), ImageClassified)
        assert bench.outages.current == ()
    assert len(seen) == 7


@pytest.mark.usefixtures("impatient")
async def test_forbidden_is_an_outage_while_nothing_else_can_be_read() -> None:
    store = Store(x=[*[ObjectForbiddenError("403")] * 30, StoredImage(b"", {}, None)])
    async with Bench(store) as bench:
        assert isinstance(await bench(), ImageClassified)
    assert len(store.fetched) == 31


@pytest.mark.usefixtures("impatient")
async def test_one_forbidden_object_is_rejected_once_another_was_read_meanwhile() -> None:
    async with Bench(Store(secret=[ObjectForbiddenError("403")])) as bench:
        refused, good = await asyncio.gather(
            bench(uploaded("uploads/ann/secret.jpg")), bench(uploaded("uploads/ann/y.jpg"))
        )
        assert reason(refused) == "forbidden"
        assert isinstance(good, ImageClassified)
        assert bench.outages.current == ()


@pytest.mark.usefixtures("impatient")
async def test_refused_objects_that_hold_every_place_ask_for_one_that_could_be_read_before() -> None:
    store = Store(secret=[ObjectForbiddenError("403")])
    async with Bench(store) as bench:
        assert isinstance(await bench(uploaded("uploads/ann/good.jpg")), ImageClassified)
        refused = await asyncio.gather(*(bench(uploaded(f"uploads/{i}/secret.jpg", 100)) for i in range(3)))
        assert [reason(outcome) for outcome in refused] == ["forbidden"] * 3


@pytest.mark.usefixtures("impatient")
async def test_forbidden_is_an_outage_when_what_could_be_read_before_is_forbidden_too() -> None:
    good = StoredImage(b"", {}, None)
    store = Store(x=[good, ObjectForbiddenError("403")], y=[*[ObjectForbiddenError("403")] * 30, good])
    async with Bench(store) as bench:
        assert isinstance(await bench(uploaded("uploads/ann/x.jpg")), ImageClassified)
        assert isinstance(await bench(uploaded("uploads/ann/y.jpg")), ImageClassified)
    assert store.fetched.count("y") == 31
    assert store.fetched.count("x") > 5  # asked at each turn


@pytest.mark.usefixtures("impatient")
async def test_what_could_be_read_before_a_refusal_proves_nothing() -> None:
    good, away = StoredImage(b"", {}, None), StoreUnavailableError("503")
    refused = [ObjectForbiddenError("403")] * 30
    # x waits for the store; y is read when it is back; then the credentials expire, for both.
    store = Store(x=[away, away, *refused, good], y=[good, *refused, good])
    async with Bench(store) as bench:
        both = await asyncio.gather(bench(uploaded("uploads/ann/x.jpg")), bench(uploaded("uploads/ann/y.jpg")))
    assert [type(outcome) for outcome in both] == [ImageClassified] * 2


@pytest.mark.usefixtures("impatient")
async def test_a_refusal_that_ended_while_others_were_asked_is_no_fault_of_the_object() -> None:
    good = StoredImage(b"", {}, None)
    store = Store(x=[*[ObjectForbiddenError("403")] * 4, good], y=[good])
    async with Bench(store) as bench:
        assert isinstance(await bench(uploaded("uploads/ann/y.jpg")), ImageClassified)
        assert isinstance(await bench(uploaded("uploads/ann/x.jpg")), ImageClassified)


async def test_the_budget_is_given_back_however_it_ends() -> None:
    store = Store(bad=[StoredImage(b"broken", {}, None)], large=[ObjectTooLargeError("")])
    async with Bench(store) as bench:
        names: list[Any] = ["a", "bad", "large", "b"] * 10
        await asyncio.gather(*(bench(uploaded(f"uploads/ann/{name}.jpg", 60)) for name in names))
        assert bench.budget.used == 0


BROKEN = StoredImage(b"broken", {}, "etag-as-read")
GONE = ObjectMissingError("NoSuchKey")


@pytest.mark.usefixtures("impatient")
async def test_a_decoder_that_refuses_what_is_known_to_be_good_rejects_nothing() -> None:
    async with Bench(Store()) as bench:
        bench.decoder.fails = 40
        assert isinstance(await bench(), ImageClassified)
        assert bench.outages.current == ()


@pytest.mark.usefixtures("impatient")
async def test_while_the_decoder_is_broken_the_guard_is_up_and_says_so() -> None:
    async with Bench(Store()) as bench:
        bench.decoder.fails = 40
        with patch.object(bench.outages, "end"):  # so that it stays to be seen
            await bench()
        (outage,) = bench.outages.current
        assert outage.component == GUARD
        assert "refuses a good JPEG" in outage.error


@pytest.mark.usefixtures("impatient")
async def test_a_device_that_decodes_well_speaks_for_no_rejection_of_the_decoder_behind_it() -> None:
    behind = Decoder()
    behind.fails = 1000
    async with Bench(Store(x=[*[BROKEN] * 5, StoredImage(b"", {}, "e")]), decoder=Device(behind)) as bench:
        assert isinstance(await bench(), ImageClassified)  # not rejected, tried until it ended otherwise


@pytest.mark.usefixtures("impatient")
async def test_nor_do_pictures_that_the_device_decodes_once_everything_else_is_refused() -> None:
    store = Store(bad=[BROKEN], late=[*[BROKEN] * 60, StoredImage(b"", {}, "e")])
    async with Bench(store, alike_max=5, decoder=Device(OnlyWitnesses())) as bench:
        assert await ends(bench, "good", 1) == ["cat"]
        assert len(await ends(bench, "bad", 4, etag=None)) == 4
        assert await ends(bench, "late", 1, etag=None) == ["cat"]  # not rejected, tried until it ended otherwise


@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_cannot_be_the_object_is_an_outage_of_the_store() -> None:
    page, good = StoredImage(b"<html>", {}, None), StoredImage(b"x" * 100, {}, "e")
    store = Store(x=[*[page] * 30, good])
    async with Bench(store) as bench:
        store.pads = False
        assert isinstance(await bench(uploaded(size=100)), ImageClassified)
    assert len(store.fetched) == 31


@pytest.mark.usefixtures("impatient")
async def test_an_odd_object_is_taken_as_it_is_once_the_store_is_known_to_answer_well() -> None:
    store = Store(odd=[StoredImage(b"broken", {}, None)], good=[StoredImage(b"0123456789", {}, "e")])
    store.pads = False
    async with Bench(store) as bench:
        await bench(uploaded("uploads/ann/good.jpg"))
        assert reason(await bench(uploaded("uploads/ann/odd.jpg"))) == "undecodable"


async def ends(bench: Bench, name: str, count: int, **changes: Any) -> list[str]:
    """The reasons, or labels, of so many objects, one after the other."""
    uploads = [replace(uploaded(f"uploads/{i}/{name}.jpg"), **changes) for i in range(count)]
    outcomes = [await bench(upload) for upload in uploads]
    return [o.classification if isinstance(o, ImageClassified) else o.reason for o in outcomes]


async def test_junk_that_is_surely_what_was_uploaded_is_rejected_however_much_of_it_there_is() -> None:
    async with Bench(Store(bad=[BROKEN]), alike_max=5) as bench:
        assert await ends(bench, "bad", 60, etag="etag-as-read") == ["undecodable"] * 60


async def test_junk_of_unknown_origin_is_rejected_while_a_good_picture_can_still_be_read() -> None:
    async with Bench(Store(bad=[BROKEN]), alike_max=5) as bench:
        assert await ends(bench, "good", 1) == ["cat"]
        assert await ends(bench, "bad", 60, etag=None) == ["undecodable"] * 60


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [BROKEN, GONE], ids=["unreadable", "missing"])
async def test_what_may_be_our_own_fault_is_held_back_once_it_is_everything(answer: StoredImage | FetchError) -> None:
    store = Store(bad=[answer], late=[*[answer] * 60, StoredImage(b"", {}, "e")])
    async with Bench(store, alike_max=5) as bench:
        assert len(await ends(bench, "bad", 4, etag=None)) == 4
        assert await ends(bench, "late", 1, etag=None) == ["cat"]  # not rejected, tried until it ended otherwise
        assert bench.outages.current == ()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [BROKEN, GONE], ids=["unreadable", "missing"])
async def test_with_the_guard_off_everything_is_rejected(answer: StoredImage | FetchError) -> None:
    async with Bench(Store(bad=[answer]), alike_max=0) as bench:
        assert set(await ends(bench, "bad", 12, etag=None)) <= {"undecodable", "missing"}


@pytest.mark.usefixtures("impatient")
async def test_objects_that_are_gone_are_missing_while_another_is_still_there() -> None:
    async with Bench(Store(bad=[GONE]), alike_max=5) as bench:
        assert await ends(bench, "good", 1) == ["cat"]
        assert await ends(bench, "bad", 12) == ["missing"] * 12


async def test_keys_without_a_user_are_rejected_once_the_pattern_was_seen_to_fit() -> None:
    async with Bench(Store(), alike_max=5) as bench:
        assert await ends(bench, "good", 1) == ["cat"]
        outcomes = [await bench(uploaded(f"{i}.jpg")) for i in range(12)]
        assert [reason(outcome) for outcome in outcomes] == ["no_user"] * 12


@pytest.mark.usefixtures("impatient")
async def test_a_pattern_that_never_fitted_holds_back_what_it_does_not_fit() -> None:
    async with Bench(Store(), alike_max=5) as bench:
        for i in range(4):
            assert reason(await bench(uploaded(f"{i}.jpg"))) == "no_user"
        with pytest.raises(DoubtfulRejectionError, match="ALIKE_REJECTIONS_MAX=0"):
            await bench(uploaded("4.jpg"))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["gone", "torn"])
async def test_who_failed_while_the_parts_were_broken_is_not_blamed_after_they_were_mended(name: str) -> None:
    good = StoredImage(b"", {}, "e")
    late: list[StoredImage | FetchError] = [GONE] * 4 if name == "gone" else [BROKEN]
    async with Bench(Store(late=[*late, good]), alike_max=5) as bench:
        bench.classify._trust.doubt()  # an attempt of somebody else met the fault
        outcome = asyncio.create_task(bench(replace(uploaded("uploads/a/late.jpg"), etag="e")))
        await asyncio.sleep(0)
        bench.classify._trust.prove()  # and it is mended, while ours is on its way
        assert isinstance(await outcome, ImageClassified)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("last", ["page", "refused"])
async def test_a_store_that_was_mended_between_an_object_and_its_witness_blames_nobody(last: str) -> None:
    good = StoredImage(b"0123456789", {}, "e")
    bad: list[StoredImage | FetchError] = (
        [StoredImage(b"broken", {}, None)] if last == "page" else [ObjectForbiddenError("403")] * 4
    )
    store = Store(late=[*bad, good], good=[good])
    store.pads = False
    async with Bench(store) as bench:
        await bench(uploaded("uploads/ann/good.jpg"))
        assert isinstance(await bench(uploaded("uploads/ann/late.jpg")), ImageClassified)
        assert bench.outages.current == ()
