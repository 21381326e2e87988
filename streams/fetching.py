"""Step 3 of 7, with patience: the bytes of an upload, however long the store is away; else, whose fault it is."""

from streams import metrics, tracing
from streams.evidence import Evidence, Witness, contradicts
from streams.images import (
    FetchError,
    ImageStore,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnreadableError,
    StoredImage,
    StoreUnavailableError,
)
from streams.outages import Outages
from streams.retries import retried, until_available
from streams.uploads import ImageUploaded


class Fetching:
    """Fetches until there is an answer that evidence supports. Outages of the store are declared and waited for."""

    def __init__(self, store: ImageStore, outages: Outages, *, max_bytes: int) -> None:
        self._store = store
        self._outages = outages
        self._max_bytes = max_bytes
        self._evidence = Evidence()

    async def fetch(self, upload: ImageUploaded) -> StoredImage:
        """
        The object's bytes.

        Raises:
            ObjectMissingError, ObjectForbiddenError, ObjectTooLargeError: the object's own fault.
        """

        async def patiently() -> StoredImage:
            # The object is asked for once more after its witness: what failed may have met a fault that is mended now.
            try:
                stored = await self._once_or_soon(upload)
            except ObjectForbiddenError as error:
                if not await self._others_can_be_read(upload):
                    raise StoreUnavailableError(f"{error}; nothing else of the bucket can be read either") from error
                stored = await self._store.fetch(upload, self._max_bytes)
            if contradicts(upload, stored):
                if await self.witness(upload) is None:
                    raise StoreUnavailableError(
                        f"the store answers with {len(stored.data):,} bytes for an object of {upload.size_bytes:,}; "
                        "what answers may not be the store"
                    )
                stored = await self._store.fetch(upload, self._max_bytes)
            if not contradicts(upload, stored):
                self._evidence.read(upload, stored)
            return stored

        with metrics.FETCH.time(), tracing.span("fetch"):
            return await until_available(
                patiently,
                on=(StoreUnavailableError, ObjectUnreadableError),
                component="object_store",
                outages=self._outages,
            )

    async def witness(self, failed: ImageUploaded) -> StoredImage | None:
        """Another object of the bucket, if it reads now as it did before; None: nothing speaks for the store."""
        return await self.reread(self._evidence.witness(failed))

    async def reread(self, witness: Witness | None) -> StoredImage | None:
        """The witness's object, if there is one and it reads now as it did before."""
        if witness is None:
            return None
        try:
            stored = await self._store.fetch(witness.upload, witness.size_bytes)
        except FetchError:
            return None
        return stored if witness.is_confirmed_by(stored) else None

    async def _others_can_be_read(self, refused: ImageUploaded) -> bool:
        """
        Ask for an object that could be read before, without its bytes.

        Refused objects may hold every place in flight: then nothing else is being read that could be a witness.
        """
        witness = self._evidence.witness(refused)
        if witness is None:
            return False
        try:
            await self._store.fetch(witness.upload, 0)
        except (ObjectForbiddenError, ObjectUnreadableError, StoreUnavailableError):
            return False
        except (ObjectTooLargeError, ObjectMissingError):  # the store answers so only to those it knows
            return True
        return True

    async def _once_or_soon(self, upload: ImageUploaded) -> StoredImage:
        """A notification can outrun its object; a refusal can pass. A few quick attempts cost one picture little."""
        return await retried(
            lambda: self._store.fetch(upload, self._max_bytes),
            on=(ObjectMissingError, ObjectForbiddenError),
            attempts=4,
            timeout=None,
            wait_initial=0.1,
            wait_max=1.0,
        )
