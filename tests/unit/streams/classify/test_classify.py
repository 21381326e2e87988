import asyncio
import weakref
from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Self
from unittest.mock import patch

import numpy as np
import pytest

from inference.errors import RejectedImage
from inference.manifest import InputSpec
from inference.prediction import Prediction, Scores
from streams import contracts
from streams.classify.circuits import Circuits
from streams.classify.classify import Classify
from streams.classify.object_store import Reading, StoredImage
from streams.classify.outcomes import Outcome
from streams.classify.owners import Owners
from streams.classify.retry_or_reject import Retry
from streams.classify.s3_errors import (
    FetchError,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    StoreUnavailableError,
)
from streams.classify.serving import Rollout, Serving
from streams.classify.shadow import Pixels
from streams.consumer.batches import Batcher
from streams.consumer.byte_budget import Budgets
from streams.contracts import ImageClassified, ImageRejected, Model, RetryReason
from streams.contracts.user_names import KeyPattern
from streams.notifications.upload import ImageUploaded
from streams.retry.attempt import Attempt
from streams.runtime.outages import Outages

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
        self.before: list[FetchError] = []
        """Given before any other answer, whatever is asked for."""
        self.pads = True

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        name = upload.key.rpartition("/")[2].partition(".")[0]
        self.fetched.append(name)
        script = self.before or self.answers.get(name, [StoredImage(b"picture", {}, "etag-as-read")])
        answer = script.pop(0) if len(script) > 1 or script is self.before else script[0]
        await asyncio.sleep(0)
        if isinstance(answer, FetchError):
            raise type(answer)(*answer.args)
        if self.pads:  # as many bytes as the event says
            answer = replace(answer, data=answer.data.ljust(upload.size_bytes or 0))
        await reading.reserve(len(answer.data))
        return answer


class Decoder:
    replaced = 0

    def __init__(self) -> None:
        self.fails = 0
        """For so many pictures more it refuses whatever comes."""

    @property
    def cpu_pool(self) -> "Decoder":
        return self

    async def decode(self, data: bytes) -> Pixels:
        self.fails -= 1
        if bytes(data).startswith(b"broken") or self.fails >= 0:
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
    def cpu_pool(self) -> Decoder:
        return self.behind

    async def decode(self, data: bytes) -> Pixels:
        if data.startswith(b"broken"):
            return await self.behind.decode(data)
        return await super().decode(data)


class Crashing(Decoder):
    """Every picture crashes it."""

    async def decode(self, data: bytes) -> Pixels:
        if data.startswith(b"picture"):
            raise RejectedImage("decoder_crashed", "it was killed")
        return await super().decode(data)


def parked(why: RetryReason) -> Attempt:
    return Attempt(1, NOW, why, "", "image-uploads", 0, 1)


class Bench:
    """The use case over fakes of what it is given, with a real batcher."""

    def __init__(
        self,
        store: Store,
        prediction: Prediction = CAT,
        default_user: str | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        async def run(batch: Sequence[tuple[Serving, Pixels]]) -> list[Prediction]:
            return [prediction] * len(batch)

        self.batcher = Batcher(run, max_size=4, max_wait_seconds=0)
        self.decoder = decoder or Decoder()
        predictor: Any = None  # the batcher's run above answers instead
        self.rollout = Rollout(
            Serving(MODEL, InputSpec(size=2, resize=2), predictor, self.decoder, Decoder(), Decoder())
        )
        self.budget = Budgets.of(100)
        self.outages = Outages()
        self.circuits = Circuits(self.outages)
        self.classify = Classify(
            store=store,
            rollout=self.rollout,
            batcher=self.batcher,
            budgets=self.budget,
            owners=Owners(KeyPattern("uploads/{user_name}/{name}"), default_user),
            max_bytes=100,
            circuits=self.circuits,
            now=lambda: NOW,
        )

    async def __aenter__(self) -> Self:
        self.serving = asyncio.create_task(self.batcher.serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.serving.cancel()

    async def __call__(self, upload: ImageUploaded | None = None, attempt: Attempt | None = None) -> Outcome | Retry:
        return await self.classify(upload or uploaded(), MESSAGE, attempt)


def reason(outcome: Outcome | Retry) -> str:
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


@pytest.mark.parametrize(
    ("scores", "detail"),
    [
        (Scores(0.1, 0.12, 0.78), "neither cat nor dog: neither 0.7800, dog 0.1200, cat 0.1000"),
        (Scores(0.6, 0.35, 0.05), "not sure enough for a label: cat 0.6000, dog 0.3500, neither 0.0500"),
    ],
)
async def test_a_rejection_by_the_model_states_its_scores(scores: Scores, detail: str) -> None:
    async with Bench(Store(), Prediction("neither", scores.neither, scores)) as bench:
        outcome = await bench()
    assert isinstance(outcome, ImageRejected)
    assert (outcome.reason, outcome.detail) == ("not_a_pet", detail)
    assert outcome.scores == contracts.Scores(cat=scores.cat, dog=scores.dog, neither=scores.neither)


async def test_a_rejection_without_a_judgement_states_no_scores() -> None:
    async with Bench(Store(x=[StoredImage(b"broken", {}, "e")])) as bench:
        outcome = await bench()
    assert isinstance(outcome, ImageRejected)
    assert (outcome.reason, outcome.scores) == ("undecodable", None)


async def test_metadata_names_the_user_before_the_key() -> None:
    async with Bench(Store(x=[StoredImage(b"", {"user-name": "zoe"}, "e")])) as bench:
        outcome = await bench()
    assert isinstance(outcome, ImageClassified)
    assert outcome.user_name == "zoe"


async def test_a_picture_of_nobody_is_rejected_as_no_user() -> None:
    async with Bench(Store()) as bench:
        assert reason(await bench(uploaded("x.jpg"))) == "no_user"


async def test_a_corrupt_picture_is_rejected_and_its_neighbours_are_not() -> None:
    async with Bench(Store(bad=[StoredImage(b"broken", {}, "e")])) as bench:
        outcomes = await asyncio.gather(*(bench(uploaded(f"uploads/ann/{name}.jpg")) for name in ("a", "bad", "b")))
    assert [type(outcome) for outcome in outcomes] == [ImageClassified, ImageRejected, ImageClassified]
    assert reason(outcomes[1]) == "undecodable"


async def test_the_size_that_an_event_states_rejects_nothing() -> None:
    store = Store(x=[StoredImage(b"", {}, "e")])
    store.pads = False
    async with Bench(store) as bench:
        assert isinstance(await bench(uploaded(size=101)), ImageClassified)


async def test_an_object_that_turns_out_too_large_is_rejected() -> None:
    async with Bench(Store(x=[ObjectTooLargeError("101")])) as bench:
        assert reason(await bench(uploaded(size=None))) == "too_many_bytes"


@pytest.mark.usefixtures("impatient")
async def test_an_object_that_is_gone_is_tried_again_later_after_two_quick_attempts() -> None:
    store = Store(x=[ObjectMissingError("NoSuchKey")])
    async with Bench(store) as bench:
        assert await bench() == Retry("missing", "NoSuchKey")
        assert bench.outages.current == ()
    assert len(store.fetched) == 2


@pytest.mark.usefixtures("impatient")
async def test_a_notification_that_outruns_its_object_is_not_lost() -> None:
    store = Store(x=[ObjectMissingError("NoSuchKey"), StoredImage(b"", {}, "e")])
    async with Bench(store) as bench:
        assert isinstance(await bench(), ImageClassified)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("error", "reason"),
    [(ObjectForbiddenError("403"), "forbidden"), (StoreUnavailableError("503"), "unavailable")],
    ids=["forbidden", "unavailable"],
)
async def test_one_object_that_the_store_does_not_give_is_put_off_and_nobody_else_is(
    error: FetchError, reason: RetryReason
) -> None:
    async with Bench(Store(bad=[error])) as bench:
        names = ["bad", "a", "bad", "b"] * 5
        ended = await asyncio.gather(*(bench(uploaded(f"uploads/{i}/{name}.jpg")) for i, name in enumerate(names)))
    assert [type(each) for each in ended] == [Retry, ImageClassified] * 10
    assert {each.reason for each in ended if isinstance(each, Retry)} == {reason}


@pytest.mark.usefixtures("impatient")
async def test_while_the_store_works_for_nobody_nothing_is_rejected_and_nothing_put_off() -> None:
    store = Store()
    store.before = [StoreUnavailableError("503")] * 60
    async with Bench(store) as bench:
        bench.circuits.store._clock = count(0, 100).__next__  # so that no time has to pass
        opened: list[object] = []
        with patch.object(bench.outages, "begin", lambda *said: opened.append(said)):
            ended = await asyncio.gather(*(bench(uploaded(f"uploads/ann/x{i}.jpg")) for i in range(12)))
        assert opened
        first = [each for each in ended if isinstance(each, Retry)]
        assert len(first) < 8  # those that failed before it could be known
        assert [type(each) for each in ended if not isinstance(each, Retry)] == [ImageClassified] * (12 - len(first))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("part", ["classifier", "decoder"])
async def test_an_object_that_the_store_does_not_give_waits_for_no_other_part(part: str) -> None:
    async with Bench(Store(gone=[ObjectMissingError("NoSuchKey")])) as bench:
        getattr(bench.circuits, part)._is_open = True
        async with asyncio.timeout(60):
            ended = await bench(uploaded("uploads/ann/gone.jpg"))
        assert isinstance(ended, Retry)
        assert ended.reason == "missing"


async def test_the_budget_is_given_back_however_it_ends() -> None:
    store = Store(bad=[StoredImage(b"broken", {}, "e")], large=[ObjectTooLargeError("")])
    async with Bench(store) as bench:
        names: list[Any] = ["a", "bad", "large", "b"] * 10
        await asyncio.gather(*(bench(uploaded(f"uploads/ann/{name}.jpg", 60)) for name in names))
        assert bench.budget.used == 0


async def test_nothing_holds_the_bytes_of_a_picture_that_waits_for_the_engine() -> None:
    data = array("B", b"picture")  # bytes cannot be watched
    watched = weakref.ref(data)
    store = Store(x=[StoredImage(data, {}, "e")])  # type: ignore[arg-type] # it is as good as bytes here
    store.pads = False
    del data
    bench = Bench(store)
    waiting = asyncio.create_task(bench())
    while not bench.batcher._waiting:
        await asyncio.sleep(0)
    store.answers.clear()
    assert (watched(), bench.budget.used) == (None, 0)
    async with bench:
        assert isinstance(await waiting, ImageClassified)


@pytest.mark.usefixtures("impatient")
async def test_a_decoder_that_refuses_what_is_known_to_be_good_rejects_nothing() -> None:
    async with Bench(Store()) as bench:
        bench.decoder.fails = 4
        declared: list[str] = []
        with patch.object(bench.outages, "begin", lambda component, error: declared.append(f"{component}: {error}")):
            assert isinstance(await bench(), ImageClassified)
        assert declared[0].startswith("inference: the decoder refuses a good JPEG, too")


@pytest.mark.usefixtures("impatient")
async def test_what_a_broken_decoder_refused_is_decoded_again_if_it_is_mended_before_it_is_found_out() -> None:
    class InTurns(Decoder):
        async def decode(self, data: bytes) -> Pixels:
            await asyncio.sleep(0)
            return await super().decode(data)

    async with Bench(Store(), decoder=InTurns()) as bench:
        bench.decoder.fails = 3  # both pictures, and the good one for the first of them, but not for the second
        ended = await asyncio.gather(bench(uploaded("uploads/ann/a.jpg", 60)), bench(uploaded("uploads/ann/b.jpg", 60)))
    assert all(isinstance(each, ImageClassified) for each in ended)


async def test_a_device_that_decodes_well_speaks_for_no_rejection_of_the_decoder_behind_it() -> None:
    behind = Decoder()
    behind.fails = 4
    store = Store(x=[*[StoredImage(b"broken", {}, "e")] * 2, StoredImage(b"", {}, "e")])
    async with Bench(store, decoder=Device(behind)) as bench:
        assert isinstance(await bench(), ImageClassified)  # not rejected, tried until it ended otherwise


async def test_junk_is_rejected_however_much_of_it_there_is_and_whatever_its_event_says() -> None:
    async with Bench(Store(bad=[StoredImage(b"broken", {}, "another etag")])) as bench:
        ended = [await bench(uploaded(f"uploads/{i}/bad.jpg", 60)) for i in range(60)]
    assert {reason(each) for each in ended} == {"undecodable"}


async def test_a_picture_that_crashed_its_decoder_is_put_off_and_decoded_by_itself_the_next_time() -> None:
    async with Bench(Store(), decoder=Crashing()) as bench:
        put_off = await bench()
        assert isinstance(put_off, Retry)
        assert put_off.reason == "decoder_crashed"
        assert isinstance(await bench(attempt=parked("decoder_crashed")), ImageClassified)


async def test_after_its_last_attempt_an_upload_is_rejected_with_its_reason_and_its_message() -> None:
    async with Bench(Store()) as bench:
        assert reason(bench.classify.rejected(uploaded(), Retry("missing", "NoSuchKey"), MESSAGE)) == "missing"


async def test_what_nobody_foresaw_is_raised() -> None:
    async with Bench(Store()) as bench:
        with (
            patch.object(bench.decoder, "decode", side_effect=KeyError("surprise")),
            pytest.raises(KeyError, match="surprise"),
        ):
            await bench()
        assert bench.budget.used == 0


@pytest.mark.usefixtures("impatient")
async def test_a_page_that_a_proxy_sends_in_an_objects_place_is_no_fault_of_the_object() -> None:
    async with Bench(Store(x=[StoredImage(b"<html>", {}, None)])) as bench:
        put_off = await bench()
    assert isinstance(put_off, Retry)
    assert put_off.reason == "unavailable"
