"""
The use case: one upload in, one outcome out, or why it needs another attempt. Knows no Faust and no Kafka.

A picture's own fault ends as a rejection. A failure that may be temporary is retried later, on a retry topic. While a
component is unavailable for every object, nothing is rejected and nothing is parked: the circuits hold the work until
the component recovers.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from inference.prediction import Prediction
from streams.classify import outcomes
from streams.classify.circuits import Circuits
from streams.classify.decoding import Decoding
from streams.classify.failures import FORESEEN, NotAPetError, Reject, Retry
from streams.classify.fetching import Fetching
from streams.classify.outcomes import Known, Outcome
from streams.classify.rules import Rules
from streams.classify.serving import Rollout, Serving
from streams.classify.shadow import Pixels
from streams.classify.store import ImageStore
from streams.consumer.batches import Batcher
from streams.consumer.byte_budget import Budgets
from streams.contracts import ImageClassified
from streams.notifications.upload import ImageUploaded, Malformed
from streams.retry.attempt import Attempt
from streams.runtime import tracing


class Classify:
    """Decides one outcome for each upload. Many calls run at the same time; the batcher combines their pictures."""

    def __init__(
        self,
        *,
        store: ImageStore,
        rollout: Rollout,
        batcher: Batcher[tuple[Serving, Pixels], Prediction],
        budgets: Budgets,
        rules: Rules,
        circuits: Circuits,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._fetching = Fetching(store, circuits.store, max_bytes=rules.max_bytes)
        self._decoding = Decoding(circuits.decoder)
        self._rollout = rollout
        self._batcher = batcher
        self._budgets = budgets
        self._rules = rules
        self._circuits = circuits
        self._now = now

    async def __call__(self, upload: ImageUploaded, message: bytes, attempt: Attempt | None = None) -> Outcome | Retry:
        """
        The outcome of one upload, or why it needs another attempt.

        Args:
            upload: what was written.
            message: the notification that named it.
            attempt: the attempts before this one, if any.
        """
        while True:
            known = Known()
            async with self._rollout.hold() as serving:
                try:
                    return await self._classified(upload, serving, known, attempt)
                except FORESEEN as error:
                    failure = self._circuits.decide(error)
            if isinstance(failure, Reject):
                return self.rejected(upload, failure, message, known)
            if failure is not None:
                return failure

    async def _classified(
        self, upload: ImageUploaded, serving: Serving, known: Known, attempt: Attempt | None
    ) -> ImageClassified:
        started = time.monotonic()
        budget = self._budgets.incoming if attempt is None else self._budgets.parked
        with budget.claim() as claim, self._batcher.expecting():
            stored = await self._fetching.fetch(upload, claim, patiently=attempt is not None)
            known.etag = stored.etag
            known.owner = owner = self._rules.owner(upload.key, stored.metadata)
            pixels = await self._decoding.decode(stored.data, serving.decoder_for(attempt))
            del stored  # neither its bytes nor their budget are held while it waits for the engine
        with tracing.span("inference"):
            prediction = await self._batcher.submit((serving, pixels))
        if prediction.label == "neither":
            known.scores = prediction.scores
            raise NotAPetError(prediction.scores)
        milliseconds = round((time.monotonic() - started) * 1000)
        return outcomes.classified(
            upload, prediction, owner, known.etag, milliseconds=milliseconds, at=self._now(), model=serving.model
        )

    def rejected(
        self, upload: ImageUploaded, why: Reject | Retry, message: bytes, known: Known | None = None
    ) -> Outcome:
        """The outcome of an upload that gets no label; ``known`` is what its latest attempt found out."""
        known, model = known or Known(), self._rollout.current.model
        owner = known.owner or self._rules.likely_owner(upload.key)
        return outcomes.rejected(
            upload,
            why.reason,
            why.detail,
            user_name=owner,
            etag=known.etag,
            scores=known.scores,
            at=self._now(),
            model=model,
            message=message,
        )

    def malformed(self, record: Malformed, received: datetime, message: bytes) -> Outcome:
        """The outcome of a record that names no object."""
        now, model = self._now(), self._rollout.current.model
        return outcomes.malformed(record, received=received, at=now, model=model, message=message)
