"""
Step 4 of 7. The use case: one upload in, one outcome out. Knows no Faust and no Kafka.

A picture's own fault ends as a rejection. A dependency's fault never does: it is waited for, and the waiting is the
backpressure.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from inference.errors import RejectedImage
from inference.prediction import Prediction
from inference.witnesses import witness_for
from streams import metrics, outcomes, tracing
from streams.alike import GUARD, LIKENESS, DoubtfulRejectionError, Streak, Trust
from streams.batches import Batcher
from streams.byte_budget import ByteBudget
from streams.contracts import ImageClassified, Reason
from streams.evidence import Evidence, proves
from streams.fetching import Fetching
from streams.images import ImageStore, ObjectForbiddenError, ObjectMissingError, ObjectTooLargeError, StoredImage
from streams.outages import Outages
from streams.outcomes import Outcome
from streams.retries import until_available
from streams.serving import Decoder, Serving, Slot
from streams.shadow import Pixels
from streams.uploads import ImageUploaded, Malformed
from streams.user_names import KeyPattern, NoUserError, user_name

UNKNOWN_SIZE_BYTES: Final = 4 * 1024 * 1024
"""What an object of unstated size is taken to weigh while it is fetched."""


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What an upload must satisfy: ``max_bytes`` of its object, and whose it is.

    ``alike_max``: so many rejections in a row that may be our own fault are held back; 0 lets all pass.
    """

    max_bytes: int
    key_pattern: KeyPattern
    default_user: str | None
    alike_max: int = 0


class _Reject(Exception):  # noqa: N818 - a verdict on a picture, not a failure of the program
    """This picture gets no label, for a reason of its own."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        owner: str | None = None,
        etag: str | None = None,
        *,
        is_proven: bool = False,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.owner = owner
        self.etag = etag
        self.is_proven = is_proven
        """Beyond doubt the picture's own fault."""


class Classify:
    """Decides one outcome for each upload. Many run at the same time; the batcher brings them together."""

    def __init__(
        self,
        *,
        store: ImageStore,
        slot: Slot,
        batcher: Batcher[tuple[Serving, Pixels], Prediction],
        budget: ByteBudget,
        rules: Rules,
        outages: Outages,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._fetching = Fetching(store, outages, max_bytes=rules.max_bytes)
        self._slot = slot
        self._batcher = batcher
        self._budget = budget
        self._rules = rules
        self._outages = outages
        self._now = now
        self._streak = Streak(rules.alike_max)
        self._trust = Trust()
        self._decoded_before = Evidence()
        self._has_found_users = False

    def malformed(self, record: Malformed, received: datetime, message: bytes) -> Outcome:
        """The outcome of a record that names no object."""
        return outcomes.malformed(
            record, received=received, at=self._now(), model=self._slot.current.model, message=message
        )

    async def __call__(self, upload: ImageUploaded, message: bytes) -> Outcome:
        """
        The outcome of one upload; ``message`` is the notification that named it.

        Waits while the store is away, and while everything fails alike and nothing shows that pictures are to blame.
        """
        try:
            return await self._outcome(upload, message)
        except DoubtfulRejectionError:
            return await until_available(
                lambda: self._outcome(upload, message),
                on=DoubtfulRejectionError,
                component=GUARD,
                outages=self._outages,
            )

    async def _outcome(self, upload: ImageUploaded, message: bytes) -> Outcome:
        began = self._trust.now()
        async with self._slot.hold() as serving:
            try:
                outcome = await self._classified(upload, serving)
            except _Reject as why:
                await self._beyond_doubt(upload, why, serving, began)
                return outcomes.rejected(
                    upload,
                    why.reason,
                    why.detail,
                    user_name=why.owner or self._rules.key_pattern.user_name(upload.key) or self._rules.default_user,
                    etag=why.etag,
                    at=self._now(),
                    model=serving.model,
                    message=message,
                )
            self._streak.suspects(upload.id, None)
            self._trust.prove()
            return outcome

    async def _classified(self, upload: ImageUploaded, serving: Serving) -> ImageClassified:
        started = time.monotonic()
        if upload.size_bytes is not None and upload.size_bytes > self._rules.max_bytes:
            detail = f"the object has {upload.size_bytes:,} bytes; {self._rules.max_bytes:,} are allowed"
            raise _Reject("too_many_bytes", detail)
        async with self._budget.hold(upload.size_bytes or UNKNOWN_SIZE_BYTES):
            with self._batcher.expecting():
                stored = await self._stored(upload)
                owner = self._owner(upload, stored)
                pixels = await self._decoded(serving.decoder, upload, stored, owner)
                self._decoded_before.read(upload, stored)
        with tracing.span("inference"):
            prediction = await self._batcher.submit((serving, pixels))
        if prediction.label == "neither":
            detail = f"neither cat nor dog, with confidence {prediction.confidence:.4f}"
            raise _Reject("not_a_pet", detail, owner, stored.etag)
        return outcomes.classified(
            upload,
            prediction,
            user_name=owner,
            etag=stored.etag,
            milliseconds=round((time.monotonic() - started) * 1000),
            at=self._now(),
            model=serving.model,
        )

    async def _stored(self, upload: ImageUploaded) -> StoredImage:
        try:
            return await self._fetching.fetch(upload)
        except ObjectMissingError as error:
            raise _Reject("missing", str(error)) from error
        except ObjectForbiddenError as error:
            raise _Reject("forbidden", str(error)) from error
        except ObjectTooLargeError as error:
            raise _Reject("too_many_bytes", str(error)) from error

    def _owner(self, upload: ImageUploaded, stored: StoredImage) -> str:
        try:
            owner = user_name(upload.key, stored.metadata, self._rules.key_pattern, self._rules.default_user)
        except NoUserError as error:
            raise _Reject("no_user", str(error), etag=stored.etag) from error
        self._has_found_users = True
        return owner

    async def _decoded(self, decoder: Decoder, upload: ImageUploaded, stored: StoredImage, owner: str) -> Pixels:
        try:
            with metrics.DECODE.time(), tracing.span("decode"):
                return await decoder.decode(stored.data)
        except RejectedImage as error:
            kind, good = witness_for(stored.data)
            if not await _decodes(decoder.usual, good):
                self._trust.doubt()
                raise DoubtfulRejectionError(
                    f"the decoder refuses a good {kind}, too ({error}): it is broken"
                ) from error
            self._trust.prove()
            is_proven = error.reason != "decoder_crashed" and proves(upload, stored)
            raise _Reject(error.reason, error.detail, owner, stored.etag, is_proven=is_proven) from error

    async def _beyond_doubt(self, upload: ImageUploaded, why: _Reject, serving: Serving, began: float) -> None:
        """Return if the picture may be blamed; raises DoubtfulRejectionError."""
        if why.reason not in LIKENESS:
            self._streak.suspects(upload.id, why.reason)
            return
        if why.is_proven:
            self._streak.clear()
        elif self._streak.suspects(upload.id, why.reason) or not self._trust.covers(began):
            alike = str(self._streak)
            if not await self._parts_work(upload, serving):
                self._trust.doubt()
                raise DoubtfulRejectionError(
                    f"{alike} ({why.detail}), and nothing shows that the fault is theirs. Nothing more is rejected: "
                    "mend the cause, or let them pass with ALIKE_REJECTIONS_MAX=0"
                )
            self._streak.clear()
            self._trust.prove()
        if not self._trust.covers(began):
            raise DoubtfulRejectionError(f"{why.reason} ({why.detail}), begun before the parts were seen to work again")

    async def _parts_work(self, failed: ImageUploaded, serving: Serving) -> bool:
        """Whether what could give every picture this reason is seen to work on another picture, now."""
        match self._streak.likeness:
            case "unreadable":
                stored = await self._fetching.reread(self._decoded_before.witness(failed))
                return stored is not None and await _decodes(serving.decoder.usual, stored.data)
            case "missing":
                return await self._fetching.witness(failed) is not None
            case _:
                return self._has_found_users


async def _decodes(decoder: Decoder, data: bytes) -> bool:
    try:
        await decoder.decode(data)
    except RejectedImage:
        return False
    return True
