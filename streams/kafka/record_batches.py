"""
Reads batches that would end a consumer at each attempt, and lose the messages that it had read before them.

- **Header names that are not UTF-8.** Kafka does not check them, and producers in Go or C may send any bytes; aiokafka
  raises UnicodeDecodeError. Here invalid bytes become U+FFFD: such a header is never looked up.
- **Batches that unpack to a huge size.** A topic limits the packed size of a batch; 2 MiB of zstd may be gigabytes, and
  aiokafka unpacks a batch whole. A batch of more than ``UNPACKED_MAX_BYTES``, or one that cannot be unpacked, is not
  read. One message with an explanation replaces it; as it is neither a notification nor an event, it is handled as
  malformed.
"""

import logging
import mmap
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

UNPACKED_MAX_BYTES: Final = 32 * 1024 * 1024
"""
Per batch. Honest producers close a batch at a megabyte or less unpacked, and a topic takes 2 MiB packed: notifications,
which are repetitive, pack to a fifteenth at best.
"""
_CODEC_AT: Final = 22  # the lower byte of a batch's attributes
_CODEC_MASK: Final = 0x07
_RECORDS_AT: Final = 61
_UNPACKERS: Final[dict[int, tuple[int, Callable[[Any, Any], int]]]] = {
    1: (1032, cramjam.gzip.decompress_into),  # deflate: 258 bytes in 2 bits
    3: (255, cramjam.lz4.decompress_into),
    4: (32_768, cramjam.zstd.decompress_into),  # a block of 128 KiB in 4 bytes
}
"""By codec: the highest compression ratio, and the function that unpacks. Snappy's ratio of 22 needs no check."""

_CANNOT_BE_UNPACKED: Final = (cramjam.DecompressionError, zlib.error, EOFError, OSError)
"""Raised by the codecs before the first record is read, since a batch is unpacked whole."""

_log = logging.getLogger(__name__)


def install() -> None:
    """Make every consumer of this process read batches this way. Idempotent."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc] # aiokafka has no types
    """The batches of one answer to a fetch."""

    def next_batch(self) -> Any:
        """See aiokafka. Ordinary batches are read by aiokafka at its usual speed."""
        raw = self._next_slice
        batch = super().next_batch()
        if not hasattr(batch, "is_control_batch"):
            return batch  # of a Kafka before 0.11, without headers
        return _Batch(batch, raw) if _fits(raw) else _Unread(batch, len(raw))


def _fits(raw: Any) -> bool:
    """Whether a batch unpacks to at most UNPACKED_MAX_BYTES. Nearly all are too small to need a trial."""
    most, unpack = _UNPACKERS.get(raw[_CODEC_AT] & _CODEC_MASK, (1, None))
    if unpack is None or len(raw) * most <= UNPACKED_MAX_BYTES:
        return True
    with mmap.mmap(-1, UNPACKED_MAX_BYTES) as room:  # takes memory only as far as it is written to
        try:
            unpack(raw[_RECORDS_AT:], room)
        except cramjam.DecompressionError:
            return False
    return True


class _Batch:
    def __init__(self, batch: Any, raw: Any) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except UnicodeDecodeError:
            yield from islice(_leniently(self._raw), read, None)
        except _CANNOT_BE_UNPACKED:
            yield from _Unread(self._batch, len(self._raw))


def _leniently(raw: Any) -> Iterator[Any]:
    batch: Any = _DefaultRecordBatchPy(raw)
    records: Iterator[Any] = iter(batch)  # unpacks it
    batch._buffer = _LenientBytes(batch._buffer)  # noqa: SLF001 - the reader has no setting for it
    return records


@dataclass(frozen=True, slots=True)
class _Notice:
    """The message that replaces a batch that was not read."""

    offset: int
    timestamp: int
    value: bytes
    timestamp_type: int = 0
    key: None = None
    checksum: None = None
    headers: tuple[()] = ()


class _Unread:
    """A batch that is not unpacked. Its notice has its last offset, so that the consumer continues after it."""

    def __init__(self, batch: Any, packed_bytes: int) -> None:
        self._batch = batch
        self._packed_bytes = packed_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[_Notice]:
        first, last = self._batch.base_offset, self._batch.next_offset - 1
        message = (
            f"petstream did not read the messages at offsets {first} to {last}: their batch, of {self._packed_bytes:,} "
            f"bytes, unpacks to more than {UNPACKED_MAX_BYTES:,} bytes or not at all"
        )
        _log.error("%s", message)
        yield _Notice(last, self._batch.max_timestamp, message.encode())


class _LenientBytes(bytearray):
    """Bytes whose slices always decode."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _LenientBytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        del errors
        return super().decode(encoding, "replace")
