import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from inference.errors import ModelUnusable
from inference.manifest import InputSpec
from inference.prediction import Prediction, Scores
from streams.classify.model_watch import watch
from streams.classify.serving import Inference, Rollout, Serving
from streams.classify.shadow import Pixels, Shadow
from streams.contracts import Model, RetryReason
from streams.retry.attempt import Attempt
from streams.runtime import metrics


def prediction(cat: float) -> Prediction:
    return Prediction("cat" if cat > 0.5 else "dog", max(cat, 1 - cat), Scores(cat, 1 - cat, 0))


class Predictor:
    """Says of every picture what it was made to say; remembers what it was given, and whether it was closed."""

    lanes = 1

    def __init__(self, cat: float) -> None:
        self.cat, self.seen, self.closed = cat, 0, False

    def predict(self, images: Sequence[Pixels]) -> list[Prediction]:
        assert not self.closed
        self.seen += len(images)
        return [prediction(self.cat)] * len(images)

    def close(self) -> None:
        self.closed = True


class Decoder:
    closed = False
    replaced = 0

    @property
    def cpu_pool(self) -> "Decoder":
        return self

    async def decode(self, data: bytes) -> Pixels:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed = True


def serving(version: str, cat: float = 1.0) -> Serving:
    model = Model(name="m", version=version, rev=1, sha256=version.rjust(64, "0"))
    return Serving(model, InputSpec(size=2, resize=2), Predictor(cat), Decoder(), Decoder(), Decoder())


def closed(each: Serving) -> bool:
    predictor: Any = each.predictor
    return bool(predictor.closed)


@pytest.mark.parametrize(
    ("reason", "number", "decoder"),
    [
        ("unavailable", 1, "decoder"),
        ("unavailable", 5, "decoder"),
        ("decoder_crashed", 1, "isolated_decoder"),
        ("decoder_crashed", 2, "full_time_decoder"),
        ("decoder_crashed", 7, "full_time_decoder"),
    ],
)
def test_a_picture_that_crashed_its_decoder_gets_one_of_its_own_and_then_all_time(
    reason: RetryReason, number: int, decoder: str
) -> None:
    each = serving("1")
    attempt = Attempt(number, datetime(2026, 11, 23, tzinfo=UTC), reason, "", "image-uploads", 0, 1)
    assert each.decoder_for(attempt) is getattr(each, decoder)
    assert each.decoder_for(None) is each.decoder


PICTURE = np.zeros((2, 2, 3), np.uint8)


async def test_a_picture_keeps_its_model_and_the_old_one_is_closed_after_its_last() -> None:
    old, new = serving("1"), serving("2")
    rollout = Rollout(old)
    async with rollout.hold() as first, rollout.hold() as second:
        await rollout.replace(new)
        assert first is second is old
        async with rollout.hold() as third:
            assert third is new
        assert not closed(old)
        assert list(rollout.models) == [new.model, old.model]
    assert closed(old)
    assert list(rollout.models) == [new.model]
    assert not closed(new)
    await rollout.close()
    assert closed(new)


async def test_a_model_that_nobody_uses_is_closed_at_the_swap() -> None:
    old = serving("1")
    rollout = Rollout(old)
    await rollout.replace(serving("2"))
    assert closed(old)


async def test_a_batch_around_a_swap_is_judged_each_by_its_own_model_in_order() -> None:
    old, new = serving("1", cat=0.9), serving("2", cat=0.1)
    with ThreadPoolExecutor(1) as engine:
        judged = await Inference(engine)([(old, PICTURE), (new, PICTURE), (old, PICTURE), (new, PICTURE)])
    assert [each.label for each in judged] == ["cat", "dog", "cat", "dog"]


class Place:
    """A model's URI whose content the test changes."""

    def __init__(self) -> None:
        self.content: Serving | Exception = serving("1")
        self.changes = 0
        self.opened = 0

    def put(self, content: Serving | Exception) -> None:
        self.content, self.changes = content, self.changes + 1

    async def fingerprint(self) -> str:
        return str(self.changes)

    async def open(self) -> Serving:
        self.opened += 1
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


async def until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.001)


def count(outcome: str) -> float:
    return float(metrics.MODEL_SWAPS.labels(outcome)._value.get())


async def test_a_new_file_is_put_into_service_and_a_bad_one_changes_nothing() -> None:
    place, rollout = Place(), Rollout(serving("1"))
    refused, swapped = count("refused"), count("swapped")
    watching = asyncio.create_task(watch(rollout, place.fingerprint, place.open, poll_seconds=0.001))
    await asyncio.sleep(0.02)
    assert place.opened == 0  # an unchanged file is left alone

    place.put(ModelUnusable("corrupt"))
    await until(lambda: count("refused") == refused + 1)
    await asyncio.sleep(0.02)
    assert place.opened == 1  # not tried again until it changes
    assert rollout.current.model.version == "1"

    place.put(serving("2"))
    await until(lambda: rollout.current.model.version == "2")
    await until(lambda: count("swapped") == swapped + 1)
    watching.cancel()


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("credentials are being renewed")], ids=str)
async def test_a_place_that_cannot_be_seen_leaves_the_model_in_service(error: Exception) -> None:
    unseen = count("unseen")
    place, rollout = Place(), Rollout(serving("1"))
    away = True

    async def fingerprint() -> str:
        if away:
            raise error
        return await place.fingerprint()

    watching = asyncio.create_task(watch(rollout, fingerprint, place.open, poll_seconds=0.001))
    await until(lambda: count("unseen") > unseen)
    assert (place.opened, watching.done()) == (0, False)
    away = False
    place.put(serving("2"))
    await until(lambda: rollout.current.model.version == "2")
    watching.cancel()


async def test_the_same_bytes_written_again_are_no_new_model() -> None:
    place, rollout = Place(), Rollout(serving("1"))
    same = serving("1")
    watching = asyncio.create_task(watch(rollout, place.fingerprint, place.open, poll_seconds=0.001))
    await asyncio.sleep(0.01)
    place.put(same)
    await until(lambda: closed(same))
    assert not closed(rollout.current)
    watching.cancel()


async def test_pictures_that_a_cascade_deferred_are_counted() -> None:
    class Cascade(Predictor):
        def predict(self, images: Sequence[Pixels]) -> list[Prediction]:
            return [replace(each, deferred=at % 2 == 0) for at, each in enumerate(super().predict(images))]

    before = float(metrics.DEFERRED._value.get())
    cascade = replace(serving("1"), predictor=Cascade(1.0))
    with ThreadPoolExecutor(1) as engine:
        await Inference(engine)([(cascade, PICTURE)] * 5 + [(serving("2"), PICTURE)])
    assert float(metrics.DEFERRED._value.get()) - before == 3


def seen(outcome: str) -> float:
    return float(metrics.SHADOW.labels(outcome)._value.get())


async def test_a_shadow_counts_agreement_and_changes_no_prediction() -> None:
    agree, disagree = seen("agree"), seen("disagree")
    with ThreadPoolExecutor(1) as engine, ThreadPoolExecutor(1) as beside:
        shadow = Shadow(Predictor(0.1), beside)
        judge = Inference(engine, shadow)
        for cat in (0.9, 0.2):
            judged = await judge([(serving("1", cat), PICTURE)])
            assert judged[0].scores.cat == pytest.approx(cat)
            await shadow.settle()
    assert (seen("agree") - agree, seen("disagree") - disagree) == (1, 1)


async def test_a_shadow_that_fails_is_counted_and_harms_nobody() -> None:
    failed = seen("failed")
    broken = Predictor(0.5)
    broken.closed = True
    with ThreadPoolExecutor(1) as engine, ThreadPoolExecutor(1) as beside:
        shadow = Shadow(broken, beside)
        judged = await Inference(engine, shadow)([(serving("1"), PICTURE)])
        await shadow.settle()
    assert judged[0].label == "cat"
    assert seen("failed") - failed == 1


async def test_a_shadow_that_is_slower_lets_batches_pass() -> None:
    skipped = seen("skipped")
    with ThreadPoolExecutor(1) as engine, ThreadPoolExecutor(1) as beside:
        shadow = Shadow(Predictor(1.0), beside)
        judge = Inference(engine, shadow)
        import threading

        gate = threading.Event()
        beside.submit(gate.wait, 60)
        await judge([(serving("1"), PICTURE)])
        await judge([(serving("1"), PICTURE)] * 3)
        gate.set()
        await shadow.settle()
    assert seen("skipped") - skipped == 3
