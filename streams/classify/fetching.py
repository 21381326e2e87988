"""Step 3 of 7. Reads an object's bytes within limits, in two quick attempts. Later attempts are not decided here."""

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
"""The store's time for both attempts together. One user's object may delay another user's by at most 10 s."""
PATIENT_SECONDS: Final = 60.0
"""On a retry topic, where no new upload waits for it, and for a probe of a store unavailable for every object."""
SILENT_SECONDS: Final = 4.0
"""
The part of QUICK_SECONDS in which the store may send nothing, before the object or in the middle of it. One user's
silent objects may take all places in flight, or all room for bytes.
"""
HURRIED_SECONDS: Final = 0.5
"""
The limit of silence once SILENT_OBJECTS were silent, or did not arrive in time, within MEMORY_SECONDS. It also applies
to reads that already wait for room. Stores send more within hundredths of a second.
"""
PATIENT_FACTOR: Final = 4
"""Multiplies the limit of silence on a retry topic: silent objects delay only each other (retry/concurrency.py)."""
SILENT_OBJECTS: Final = 6
"""The number of objects of the largest allowed size that have room at the same time."""
MEMORY_SECONDS: Final = 60.0
PROBE_KEY: Final = "petstream-probe"
"""A key of no object: requesting it shows whether the store works at all."""
FETCH: Final = Policy(attempts=2, timeout_seconds=None, first_wait_seconds=0.25)
"""The caller bounds the time of both attempts: QUICK_SECONDS or PATIENT_SECONDS."""


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
        """By ``patiently``: silent parked objects delay no new uploads, so they must not shorten their limit."""

    async def fetch(self, upload: ImageUploaded, claim: Claim, *, patiently: bool) -> StoredImage:
        """
        The object's bytes. Waits while the store is unavailable for every object.

        Args:
            upload: names the object. The size that it states is only a hint.
            claim: takes room for the bytes of the response before they are read.
            patiently: whether PATIENT_SECONDS apply, since no new upload waits for this one.

        Raises:
            FetchError: see its subclasses. The store was asked twice, since a notification can arrive before its
                object, and a refusal can be temporary.
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
                    # Reads that the shorter limit ended do not count: it would keep itself in force for ever.
                    if not limit.is_silent or limit.silence_seconds >= SILENT_SECONDS:
                        self._silences[patiently].append(asyncio.get_running_loop().time())
                    raise StoreUnavailableError(_timeout_detail(limit)) from error
                self._read_last = upload
                return stored

    def _silence_seconds(self, *, patiently: bool) -> float:
        """How long the store may be silent about the next object."""
        now, silences = asyncio.get_running_loop().time(), self._silences[patiently]
        is_hurried = len(silences) == SILENT_OBJECTS and now - silences[0] < MEMORY_SECONDS
        return (HURRIED_SECONDS if is_hurried else SILENT_SECONDS) * (PATIENT_FACTOR if patiently else 1)

    async def _works_for_others(self, upload: ImageUploaded) -> bool:
        """
        Whether the store still gives the object that was read last or, if there is none, answers about PROBE_KEY.

        The failed objects may all belong to one user. If they take all places in flight, no other user's object can
        show that the store works. An error about one object, such as 404 or 403, is an answer, too.
        """
        witness = self._read_last or replace(upload, key=PROBE_KEY, version_id=None)
        try:
            async with asyncio.timeout(QUICK_SECONDS):
                stored = await self._store.fetch(witness, self._max_bytes, Unlimited())
        except FetchError as error:
            return error.is_about_object
        except TimeoutError:
            return False
        return stored.is_vouched_for


def _timeout_detail(limit: ReadLimit) -> str:
    if not limit.is_silent:
        return "no end of its answer in time"
    return f"{'its answer stopped' if limit.has_begun else 'no answer'} for {limit.silence_seconds:g} s"


def _may_pass(error: Exception) -> bool:
    return isinstance(error, FetchError) and not isinstance(error, ObjectTooLargeError)
