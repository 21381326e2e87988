"""Reads an object's bytes within limits, in two quick attempts. Later attempts are not decided here."""

import asyncio
from collections import deque
from dataclasses import replace
from functools import partial
from typing import Final

from inference.decode.formats import sniff
from streams.classify.circuit import Circuit
from streams.classify.object_store import ImageStore, StoredImage, Unlimited
from streams.classify.read_timeout import ReadTimeout
from streams.classify.s3_errors import FetchError, ObjectTooLargeError, StoreUnavailableError
from streams.consumer.byte_budget import Claim
from streams.notifications.upload import ImageUploaded
from streams.runtime import metrics, tracing
from streams.runtime.retries import Policy, retried

QUICK_SECONDS: Final = 8.0
"""The store's time for both attempts together. One user's object may delay another user's by at most 10 s."""
EXTENDED_SECONDS: Final = 60.0
"""On a retry topic, where no new upload waits for it, and for a probe of a store unavailable for every object."""
SILENT_SECONDS: Final = 4.0
"""
The part of QUICK_SECONDS in which the store may send nothing, before the object or in the middle of it. One user's
silent objects may take all places in flight, or all capacity for bytes.
"""
SHORT_SILENT_SECONDS: Final = 0.5
"""
The least limit of silence once SILENT_OBJECTS were silent, or did not arrive in time, within MEMORY_SECONDS. It also
applies to reads that already wait for capacity. Most stores send more within hundredths of a second; a slower one, or a
busy machine, gets USUAL_FACTOR times the longest silence in the last USUAL_OBJECTS objects that arrived.
"""
USUAL_FACTOR: Final = 4
USUAL_OBJECTS: Final = 32
EXTENDED_FACTOR: Final = 4
"""Multiplies the limit of silence on a retry topic: silent objects delay only each other (retry/concurrency.py)."""
SILENT_OBJECTS: Final = 6
"""The number of objects of the largest allowed size that fit at the same time."""
MEMORY_SECONDS: Final = 60.0
PROBE_KEY: Final = "petstream-probe"
"""A key of no object: requesting it shows whether the store works at all."""
FETCH: Final = Policy(attempts=2, timeout_seconds=None, first_wait_seconds=0.25)
"""The caller bounds the time of both attempts: QUICK_SECONDS or EXTENDED_SECONDS."""


class Fetching:
    """Reads objects through the circuit of the store."""

    def __init__(self, store: ImageStore, circuit: Circuit, *, max_bytes: int) -> None:
        self._store = store
        self._circuit = circuit
        self._max_bytes = max_bytes
        self._read_last: ImageUploaded | None = None
        self._silences: dict[bool, deque[float]] = {
            extended: deque(maxlen=SILENT_OBJECTS) for extended in (False, True)
        }
        """By ``extended``: silent parked objects delay no new uploads, so they must not shorten their limit."""
        self._usual_silences: deque[float] = deque(maxlen=USUAL_OBJECTS)

    async def fetch(self, upload: ImageUploaded, claim: Claim, *, extended: bool) -> StoredImage:
        """
        The object's bytes. Waits while the store is unavailable for every object.

        Args:
            upload: names the object. The size that it states is only a hint.
            claim: takes capacity for the bytes of the response before they are read.
            extended: whether EXTENDED_SECONDS apply, since no new upload waits for this one.

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
            if not stored.looks_like_s3 and sniff(stored.data) is None:
                raise StoreUnavailableError("what answers states no etag or no length, and sends no picture")
            return stored

        with metrics.FETCH.time(), tracing.span("fetch"):
            async with self._circuit.call(upload.id) as is_probe:
                if is_probe and await self._works_for_others(upload):
                    self._circuit.close()
                extended = extended or (is_probe and self._circuit.is_open)
                seconds = EXTENDED_SECONDS if extended else QUICK_SECONDS
                limit = ReadTimeout(
                    claim, seconds=seconds, silence_seconds=partial(self._silence_seconds, extended=extended)
                )
                try:
                    async with limit:
                        stored = await retried(attempt, on=_is_retryable, policy=FETCH)
                except TimeoutError as error:
                    # Reads that the shorter limit ended do not count: it would keep itself in force for ever.
                    if not limit.is_silent or limit.silence_seconds >= SILENT_SECONDS:
                        self._silences[extended].append(asyncio.get_running_loop().time())
                    raise StoreUnavailableError(_timeout_detail(limit)) from error
                self._read_last = upload
                self._usual_silences.append(limit.longest_silence)
                return stored

    def _silence_seconds(self, *, extended: bool) -> float:
        """How long the store may be silent about the next object."""
        now, silences = asyncio.get_running_loop().time(), self._silences[extended]
        is_shortened = len(silences) == SILENT_OBJECTS and now - silences[0] < MEMORY_SECONDS
        short = max(SHORT_SILENT_SECONDS, USUAL_FACTOR * max(self._usual_silences, default=0.0))
        seconds = min(short, SILENT_SECONDS) if is_shortened else SILENT_SECONDS
        return seconds * (EXTENDED_FACTOR if extended else 1)

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
        return stored.looks_like_s3


def _timeout_detail(limit: ReadTimeout) -> str:
    if not limit.is_silent:
        return "no end of its answer in time"
    return f"{'its answer stopped' if limit.has_begun else 'no answer'} for {limit.silence_seconds:.2g} s"


def _is_retryable(error: Exception) -> bool:
    return isinstance(error, FetchError) and not isinstance(error, ObjectTooLargeError)
