"""
Step 4 of 7. The use case: one upload in, one outcome out, or what it waits for. Knows no Faust and no Kafka.

A picture's own fault ends as a rejection. What may pass is tried again later, in nobody's way. While a part works for
nobody, nothing is rejected and nothing put off: the circuit holds the work until the part works again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from inference.decode.reference_pictures import reference_picture_for
from inference.errors import RejectedImage
from inference.prediction import Prediction
from streams.classify import outcomes
from streams.classify.circuits import Circuits
from streams.classify.failures import FORESEEN, DecoderBrokenError, NotAPetError, Reject, Retry, judge
from streams.classify.fetching import Fetching
from streams.classify.images import ImageStore, StoredImage
from streams.classify.outcomes import Outcome
from streams.classify.serving import Decoder, Serving, Slot
from streams.classify.shadow import Pixels
from streams.consumer.batches import Batcher
from streams.consumer.byte_budget import Budgets
from streams.contracts import ImageClassified
from streams.contracts.user_names import KeyPattern, user_name
from streams.notifications.upload import ImageUploaded, Malformed
from streams.retry.attempt import Attempt
from streams.runtime import metrics, tracing


@dataclass(frozen=True, slots=True)
class Rules:
    """What an upload must satisfy: ``max_bytes`` of its object, and whose it is."""

    max_bytes: int
    key_pattern: KeyPattern
    default_user: str | None


class Classify:
    """Decides one outcome for each upload. Many run at the same time; the batcher brings them together."""

    def __init__(
        self,
        *,
        store: ImageStore,
        slot: Slot,
        batcher: Batcher[tuple[Serving, Pixels], Prediction],
        budgets: Budgets,
        rules: Rules,
        circuits: Circuits,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._fetching = Fetching(store, circuits.store, max_bytes=rules.max_bytes)
        self._slot = slot
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
            attempt: the attempts before this one, if there were any.
        """
        while True:
            seen = _Seen()
            async with self._slot.hold() as serving:
                try:
                    return await self._classified(upload, serving, seen, attempt)
                except FORESEEN as error:
                    verdict, is_explained = judge(error), self._circuits.explain(error)
            if isinstance(verdict, Reject):
                return self.rejected(upload, verdict, message, owner=seen.owner, etag=seen.etag)
            if not is_explained:
                return verdict

    def rejected(
        self,
        upload: ImageUploaded,
        why: Reject | Retry,
        message: bytes,
        *,
        owner: str | None = None,
        etag: str | None = None,
    ) -> Outcome:
        """The outcome of an upload that gets no label, now or after its last attempt."""
        return outcomes.rejected(
            upload,
            why.reason,
            why.detail,
            user_name=owner or self._rules.key_pattern.user_name(upload.key) or self._rules.default_user,
            etag=etag,
            at=self._now(),
            model=self._slot.current.model,
            message=message,
        )

    def malformed(self, record: Malformed, received: datetime, message: bytes) -> Outcome:
        """The outcome of a record that names no object."""
        return outcomes.malformed(
            record, received=received, at=self._now(), model=self._slot.current.model, message=message
        )

    async def _classified(
        self, upload: ImageUploaded, serving: Serving, seen: "_Seen", attempt: Attempt | None
    ) -> ImageClassified:
        started = time.monotonic()
        owner, pixels = await self._pixels(upload, serving, seen, attempt)
        with tracing.span("inference"):
            prediction = await self._batcher.submit((serving, pixels))
        if prediction.label == "neither":
            raise NotAPetError(f"neither cat nor dog, with confidence {prediction.confidence:.4f}")
        return outcomes.classified(
            upload,
            prediction,
            user_name=owner,
            etag=seen.etag,
            milliseconds=round((time.monotonic() - started) * 1000),
            at=self._now(),
            model=serving.model,
        )

    async def _pixels(
        self, upload: ImageUploaded, serving: Serving, seen: "_Seen", attempt: Attempt | None
    ) -> tuple[str, Pixels]:
        """Owner and decoded picture. Nothing holds its bytes, nor room for them, while it waits for the engine."""
        budget = self._budgets.incoming if attempt is None else self._budgets.parked
        with budget.claim() as claim, self._batcher.expecting():
            stored = await self._fetching.fetch(upload, claim, patiently=attempt is not None)
            seen.etag = stored.etag
            owner = user_name(upload.key, stored.metadata, self._rules.key_pattern, self._rules.default_user)
            seen.owner = owner
            return owner, await self._decoded(stored, serving.decoder_for(attempt))

    async def _decoded(self, stored: StoredImage, decoder: Decoder) -> Pixels:
        circuit = self._circuits.decoder
        async with circuit.call(None):
            openings = circuit.openings
            try:
                with metrics.DECODE.time(), tracing.span("decode"):
                    return await decoder.decode(stored.data)
            except RejectedImage as error:
                kind, good = reference_picture_for(stored.data)
                if not await _decodes(decoder.cpu_pool, good):
                    raise DecoderBrokenError(
                        f"the decoder refuses a good {kind}, too ({error}): it is broken"
                    ) from error
                if circuit.is_open or circuit.openings != openings:  # it may have refused while it was broken
                    return await decoder.decode(stored.data)
                raise


@dataclass(slots=True)
class _Seen:
    """What an attempt found out before it ended."""

    owner: str | None = None
    etag: str | None = None


async def _decodes(decoder: Decoder, data: bytes) -> bool:
    try:
        await decoder.decode(data)
    except RejectedImage:
        return False
    return True
