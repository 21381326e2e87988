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

import stamina

from inference.errors import RejectedImage
from inference.prediction import Prediction
from streams import metrics, outcomes
from streams.batches import Batcher
from streams.byte_budget import ByteBudget
from streams.contracts import ImageClassified, Reason
from streams.evidence import Evidence
from streams.images import (
    FetchError,
    ImageStore,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    StoredImage,
    StoreUnavailableError,
)
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
    """What an upload must satisfy: ``max_bytes`` of its object, and whose it is."""

    max_bytes: int
    key_pattern: KeyPattern
    default_user: str | None


class _Reject(Exception):  # noqa: N818 - a verdict on a picture, not a failure of the program
    """This picture gets no label, for a reason of its own."""

    def __init__(self, reason: Reason, detail: str, owner: str | None = None, etag: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.owner = owner
        self.etag = etag


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
        self._store = store
        self._slot = slot
        self._batcher = batcher
        self._budget = budget
        self._rules = rules
        self._outages = outages
        self._now = now
        self._evidence = Evidence()

    def malformed(self, record: Malformed, received: datetime, message: bytes) -> Outcome:
        """The outcome of a record that names no object."""
        return outcomes.malformed(
            record, received=received, at=self._now(), model=self._slot.current.model, message=message
        )

    async def __call__(self, upload: ImageUploaded, message: bytes) -> Outcome:
        """The outcome of one upload; ``message`` is the notification that named it. Waits while the store is away."""
        async with self._slot.hold() as serving:
            try:
                return await self._classified(upload, serving)
            except _Reject as why:
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

    async def _classified(self, upload: ImageUploaded, serving: Serving) -> ImageClassified:
        started = time.monotonic()
        if upload.size_bytes is not None and upload.size_bytes > self._rules.max_bytes:
            detail = f"the object has {upload.size_bytes:,} bytes; {self._rules.max_bytes:,} are allowed"
            raise _Reject("too_many_bytes", detail)
        async with self._budget.hold(upload.size_bytes or UNKNOWN_SIZE_BYTES):
            with self._batcher.expecting():
                stored = await self._stored(upload)
                owner = self._owner(upload, stored)
                pixels = await _decoded(serving.decoder, stored, owner)
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
            return await self._fetch(upload)
        except ObjectMissingError as error:
            raise _Reject("missing", str(error)) from error
        except ObjectForbiddenError as error:
            raise _Reject("forbidden", str(error)) from error
        except ObjectTooLargeError as error:
            raise _Reject("too_many_bytes", str(error)) from error

    def _owner(self, upload: ImageUploaded, stored: StoredImage) -> str:
        try:
            return user_name(upload.key, stored.metadata, self._rules.key_pattern, self._rules.default_user)
        except NoUserError as error:
            raise _Reject("no_user", str(error), etag=stored.etag) from error

    async def _fetch(self, upload: ImageUploaded) -> StoredImage:
        read_before = self._evidence.reads(upload.bucket)

        async def patiently() -> StoredImage:
            try:
                return await self._fetch_once_or_soon(upload)
            except ObjectForbiddenError as error:
                if self._evidence.reads(upload.bucket) > read_before or await self._others_can_be_read(upload):
                    raise  # it is this object's own fault
                raise StoreUnavailableError(f"{error}; nothing else of the bucket can be read either") from error

        with metrics.FETCH.time():
            stored = await until_available(
                patiently, on=StoreUnavailableError, component="object_store", outages=self._outages
            )
        self._evidence.read(upload)
        return stored

    async def _others_can_be_read(self, refused: ImageUploaded) -> bool:
        """
        Ask for an object that could be read before, without its bytes.

        Refused objects may hold every place in flight: then nothing else is being read that could be a witness.
        """
        witness = self._evidence.witness(refused)
        if witness is None:
            return False
        try:
            await self._store.fetch(witness, 0)
        except (ObjectForbiddenError, StoreUnavailableError):
            return False
        except FetchError:  # too large for no bytes, or gone: the store answers such things only to those it knows
            return True
        return True

    async def _fetch_once_or_soon(self, upload: ImageUploaded) -> StoredImage:
        """A notification can outrun its object; a refusal can pass. A few quick attempts cost one picture little."""
        stored: StoredImage | None = None
        async for attempt in stamina.retry_context(
            on=(ObjectMissingError, ObjectForbiddenError), attempts=4, timeout=None, wait_initial=0.1, wait_max=1.0
        ):
            with attempt:
                stored = await self._store.fetch(upload, self._rules.max_bytes)
        assert stored is not None
        return stored


async def _decoded(decoder: Decoder, stored: StoredImage, owner: str) -> Pixels:
    try:
        with metrics.DECODE.time():
            return await decoder.decode(stored.data)
    except RejectedImage as error:
        raise _Reject(error.reason, error.detail, owner, stored.etag) from error
