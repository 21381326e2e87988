"""
The model in service, and its replacement by a newer one between two batches.

A picture stays with the model that it began with: it is decoded for that model's input and classified by it, and its
event names it. So a swap never mixes two models in one picture, and the old model is closed after its last picture.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from inference.manifest import InputSpec
from inference.prediction import Prediction
from streams.classify.shadow import Pixels, Predictor, Shadow
from streams.contracts import Model
from streams.retry.attempt import Attempt
from streams.runtime import metrics

log = structlog.get_logger()


class Decoder(Protocol):
    """Turns bytes into pixels. A bad picture affects no other."""

    @property
    def cpu_pool(self) -> "Decoder":
        """The decoder that makes all rejections: this one, or the one behind a device."""

    @property
    def replaced(self) -> int:
        """Processes replaced since the start."""

    async def decode(self, data: bytes) -> Pixels:
        """The picture as the model's input, uint8 (S, S, 3); raises RejectedImage."""

    async def close(self) -> None:
        """Release the decoder's resources."""


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """One model with all that it needs: its name in events, its input, its predictor, and a decoder for that input."""

    model: Model
    input: InputSpec
    predictor: Predictor
    decoder: Decoder
    isolated_decoder: Decoder
    """For pictures that hung or crashed a decoder: one at a time, with seconds for each."""
    full_time_decoder: Decoder
    """For those that did so again: with the full time, DECODE_MAX_SECONDS."""

    def decoder_for(self, attempt: Attempt | None) -> Decoder:
        """The decoder for a picture with these earlier attempts."""
        if attempt is None or not attempt.is_suspect:
            return self.decoder
        return self.full_time_decoder if attempt.has_full_time else self.isolated_decoder

    async def close(self) -> None:
        """Close the decoders and the predictor."""
        await self.decoder.close()
        await self.isolated_decoder.close()
        await self.full_time_decoder.close()
        await asyncio.to_thread(self.predictor.close)


class Rollout:
    """Holds the serving that new pictures begin with."""

    def __init__(self, serving: Serving) -> None:
        self._current = serving
        self._users: dict[Serving, int] = {serving: 0}

    @property
    def current(self) -> Serving:
        """The serving of a picture that begins now."""
        return self._current

    @property
    def models(self) -> tuple[Model, ...]:
        """The models in use, the newest first: two while the last pictures of an old one are worked on."""
        older = (each.model for each in self._users if each is not self._current)
        return (self._current.model, *older)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[Serving]:
        """The current serving, kept open within this context."""
        serving = self._current
        self._users[serving] += 1
        try:
            yield serving
        finally:
            self._users[serving] -= 1
            await self._close_if_done(serving)

    async def replace(self, serving: Serving) -> None:
        """Begin new pictures with ``serving``; the old one is closed when its last picture is done."""
        old, self._current = self._current, serving
        self._users[serving] = 0
        await self._close_if_done(old)

    async def close(self) -> None:
        """Close every serving, in use or not, at the end of the process."""
        for serving in list(self._users):
            del self._users[serving]
            await serving.close()

    async def _close_if_done(self, serving: Serving) -> None:
        if serving is not self._current and self._users.get(serving) == 0:
            del self._users[serving]
            await serving.close()
            log.info("model.retired", version=serving.model.version, sha256=serving.model.sha256)


@dataclass(frozen=True, slots=True)
class Inference:
    """The batcher's ``run``: classifies a batch of pictures, each with its serving."""

    executor: Executor
    """One thread per lane of the engine waits for the forward passes, so that the event loop stays free for Kafka."""

    shadow: Shadow | None = None

    async def __call__(self, batch: Sequence[tuple[Serving, Pixels]]) -> list[Prediction]:
        """The predictions in the batch's order. Around a swap a batch may hold pictures of two models."""
        predictions: dict[int, Prediction] = {}
        for serving in dict.fromkeys(serving for serving, _ in batch):
            own = [i for i, (each, _) in enumerate(batch) if each is serving]
            began = time.monotonic()
            with metrics.INFERENCE.time():
                judged = await asyncio.get_running_loop().run_in_executor(
                    self.executor, serving.predictor.predict, [batch[i][1] for i in own]
                )
            milliseconds = round((time.monotonic() - began) * 1000, 1)
            metrics.DEFERRED.inc(sum(prediction.deferred for prediction in judged))
            labels: Counter[str] = Counter(prediction.label for prediction in judged)
            log.info("batch.judged", images=len(own), milliseconds=milliseconds, model=serving.model.version, **labels)
            if self.shadow is not None:
                self.shadow.observe([batch[i][1] for i in own], judged)
            predictions |= zip(own, judged, strict=True)
        return [predictions[i] for i in range(len(batch))]
