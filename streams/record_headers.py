"""
Reads messages whose header names are no UTF-8. Kafka does not look at them, and Go and C producers may send any bytes.

aiokafka raises UnicodeDecodeError for such a message, again at each attempt, and loses those that it read before it in
the same batch. Here the name is read with U+FFFD for what is no UTF-8: nobody asks for such a header.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def install() -> None:
    """Have every consumer of this process read so. Harmless to repeat."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc] # aiokafka has no types
    """The batches of one answer to a fetch."""

    def next_batch(self) -> Any:
        """See aiokafka. What it reads by itself goes through it at its usual speed."""
        raw = self._next_slice
        batch = super().next_batch()
        return _Batch(batch, raw) if hasattr(batch, "is_control_batch") else batch


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


def _leniently(raw: Any) -> Iterator[Any]:
    batch: Any = _DefaultRecordBatchPy(raw)
    records: Iterator[Any] = iter(batch)  # which unpacks it
    batch._buffer = _LenientBytes(batch._buffer)  # noqa: SLF001 - the reader has no setting for it
    return records


class _LenientBytes(bytearray):
    """Bytes whose parts never fail to be text."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _LenientBytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        del errors
        return super().decode(encoding, "replace")
