"""Step 3 of 7, within its bounds: two quick attempts at an object's bytes. What comes after is not decided here."""

import asyncio
from collections import deque
from dataclasses import replace
from functools import partial
from typing import Final

from inference.decode.formats import sniff
from streams.classify.circuit import Circuit
from streams.classify.read_limit import ReadLimit
from streams.classify.store import ImageStore, StoredImage, Unlimited
from streams.classify.verdicts import FetchError, ObjectTooLargeError, StoreUnavailableError
from streams.consumer.byte_budget import Claim
from streams.notifications.upload import ImageUploaded
from streams.runtime import metrics, tracing
from streams.runtime.retries import Policy, retried

QUICK_SECONDS: Final = 8.0
"""For both attempts together: nobody may wait more than 10 s because of another one's object. Of the store's time."""
PATIENT_SECONDS: Final = 60.0
"""On a retry topic, where an attempt is in nobody's way; and for a probe of a store that works for nobody."""
SILENT_SECONDS: Final = 4.0
"""
Of QUICK_SECONDS, in which the store may send nothing: before the object or in the middle of it. One user's silent
objects may take all places in flight, or all room for bytes.
"""
HURRIED_SECONDS: Final = 0.5
"""
The same, once SILENT_OBJECTS were silent, or did not come in time, within MEMORY_SECONDS; also for those that wait for
room already. Stores send more within hundredths of a second.
"""
PATIENT_FACTOR: Final = 4
"""So many times as long on a retry topic, where silent objects hold up no others but such (retry/concurrency.py)."""
SILENT_OBJECTS: Final = 6
"""As many as have room at a time, of the largest allowed."""
MEMORY_SECONDS: Final = 60.0
NOBODYS_KEY: Final = "petstream-probe"
"""Of no object, to ask a store whether it works at all."""
FETCH: Final = Policy(attempts=2, timeout_seconds=None, first_wait_seconds=0.25)
"""Two attempts; how long both may take is the caller's bound: QUICK_SECONDS or PATIENT_SECONDS."""


class Fetching:
    """Reads objects through the circuit of the store."""

    def __init__(self, store: ImageStore, circuit: Circuit, *, max_bytes: int) -> None:
        self._store = store
        self._circuit = circuit
        self._max_bytes = max_bytes
        self._read_last: ImageUploaded | None = None
        self._silences: dict[bool, deque[float]] = {
            patiently: deque(maxlen=SILENT_OBJECTS) for patiently in (False, True)
        }
        """Parked objects apart: they hold up none that come in, and need not hurry them."""

    async def fetch(self, upload: ImageUploaded, claim: Claim, *, patiently: bool) -> StoredImage:
        """
        The object's bytes. Waits while the store works for nobody.

        Args:
            upload: names the object. The size that it states is a hint, and not relied on.
            claim: takes room for what the store's response is about to send, before it is read.
            patiently: whether there is time, since nobody waits.

        Raises:
            FetchError: see its kinds. A notification can outrun its object, and a refusal can pass, so the store was
                asked twice.
        """

        async def attempt() -> StoredImage:
            limit.listen()
            try:
                stored = await self._store.fetch(upload, self._max_bytes, limit)
            except FetchError:
                limit.pause()  # nothing is read while the second attempt waits
                raise
            if not stored.is_vouched_for and sniff(stored.data) is None:
                raise StoreUnavailableError("what answers states no etag or no length, and sends no picture")
            return stored

        with metrics.FETCH.time(), tracing.span("fetch"):
            async with self._circuit.call(upload.id) as is_probe:
                if is_probe and await self._works_for_others(upload):
                    self._circuit.close()
                patiently = patiently or (is_probe and self._circuit.is_open)
                seconds = PATIENT_SECONDS if patiently else QUICK_SECONDS
                limit = ReadLimit(
                    claim, seconds=seconds, silence_seconds=partial(self._silence_seconds, patiently=patiently)
                )
                try:
                    async with limit:
                        stored = await retried(attempt, on=_may_pass, policy=FETCH)
                except TimeoutError as error:
                    # A hurry that kept itself up would never end: those that it ended do not count.
                    if not limit.is_silent or limit.silence_seconds >= SILENT_SECONDS:
                        self._silences[patiently].append(asyncio.get_running_loop().time())
                    raise StoreUnavailableError(_said(limit)) from error
                self._read_last = upload
                return stored

    def _silence_seconds(self, *, patiently: bool) -> float:
        """How long the store may say nothing about the next object."""
        now, silences = asyncio.get_running_loop().time(), self._silences[patiently]
        hurries = len(silences) == SILENT_OBJECTS and now - silences[0] < MEMORY_SECONDS
        return (HURRIED_SECONDS if hurries else SILENT_SECONDS) * (PATIENT_FACTOR if patiently else 1)

    async def _works_for_others(self, upload: ImageUploaded) -> bool:
        """
        Whether the store still gives the object that it gave last or, if there was none, answers about one of nobody.

        Objects that all failed may be one user's. With all places in flight taken by them, nobody else's would ever
        show that the store works. What it says about an object is an answer, too: that there is none, or no permission.
        """
        witness = self._read_last or replace(upload, key=NOBODYS_KEY, version_id=None)
        try:
            async with asyncio.timeout(QUICK_SECONDS):
                stored = await self._store.fetch(witness, self._max_bytes, Unlimited())
        except FetchError as error:
            return error.is_about_object
        except TimeoutError:
            return False
        return stored.is_vouched_for


def _said(limit: ReadLimit) -> str:
    if not limit.is_silent:
        return "no end of its answer in time"
    return f"{'its answer stopped' if limit.has_begun else 'no answer'} for {limit.silence_seconds:g} s"


def _may_pass(error: Exception) -> bool:
    return isinstance(error, FetchError) and not isinstance(error, ObjectTooLargeError)
