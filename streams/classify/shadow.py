"""
A second model classifies the same batches, and metrics show how far it agrees. It publishes nothing and delays nothing.

It runs on its own thread. Batches that come while the thread is busy are counted as skipped.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from inference.prediction import Prediction
from streams.runtime import metrics

Pixels = NDArray[np.uint8]

log = structlog.get_logger()


class Predictor(Protocol):
    """Pixels to predictions: a model on its engine."""

    @property
    def lanes(self) -> int:
        """How many threads may be in ``predict`` at a time."""

    def predict(self, images: Sequence[Pixels]) -> list[Prediction]:
        """As many predictions as images, in their order; blocks."""

    def close(self) -> None:
        """Release the predictor's resources."""


class Shadow:
    """Compares a predictor with the predictions that were published."""

    def __init__(self, predictor: Predictor, engine: Executor) -> None:
        self._predictor = predictor
        self._engine = engine
        self._running: asyncio.Task[None] | None = None

    def observe(self, batch: Sequence[Pixels], published: Sequence[Prediction]) -> None:
        """Classify a batch in the background, unless another one is running. Never raises, never waits."""
        if self._running is not None and not self._running.done():
            metrics.SHADOW.labels("skipped").inc(len(batch))
            return
        self._running = asyncio.create_task(self._compare(list(batch), list(published)))

    async def settle(self) -> None:
        """Wait for the running comparison."""
        if self._running is not None:
            await self._running

    async def _compare(self, batch: list[Pixels], published: list[Prediction]) -> None:
        loop = asyncio.get_running_loop()
        try:
            own = await loop.run_in_executor(self._engine, self._predictor.predict, batch)
        except Exception:
            metrics.SHADOW.labels("failed").inc(len(batch))
            log.warning("shadow.failed", exc_info=True)
            return
        for theirs, ours in zip(published, own, strict=True):
            metrics.SHADOW.labels("agree" if theirs.label == ours.label else "disagree").inc()
            metrics.SHADOW_DIFFERENCE.observe(theirs.scores.difference(ours.scores))
