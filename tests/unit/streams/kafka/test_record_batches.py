"""Batches that would end a consumer: header names that are no UTF-8, and what unpacks to more than memory holds."""

import tracemalloc

import pytest
from aiokafka.consumer import fetcher

from streams.contracts.topics import MAX_MESSAGE_BYTES
from streams.kafka.record_batches import UNPACKED_MAX_BYTES, LenientRecords, install
from tests.raw_headers import Latin, builder

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def packed(*names: str, codec: int = 0, transactional: bool = False) -> bytes:
    batch = builder(codec, transactional=transactional)
    for offset, name in enumerate(names):
        batch.append(offset, 5, b"k", b"v" * 200, [(name, b"\xff"), ("null", None)])
    return bytes(batch.build())


def bomb(codec: int, size: int = UNPACKED_MAX_BYTES + 1) -> bytes:
    batch = builder(codec, batch_size=2 * size)
    batch.append(0, 5, None, b"first", [])
    batch.append(1, 5, None, b"\0" * size, [])
    return bytes(batch.build())


def headers(data: bytes) -> list[str]:
    batch = LenientRecords(data).next_batch()
    return [record.headers[0][0] for record in batch]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_name_that_is_no_utf_8_stops_nothing_before_or_behind_it(codec: int) -> None:
    assert headers(packed("a", "b", Latin("größe"), "ü", Latin("é"), codec=codec)) == ["a", "b", "gr��e", "ü", "�"]


def test_records_of_both_ways_are_alike() -> None:
    (plain,) = list(LenientRecords(packed("a")).next_batch())
    (lenient,) = list(LenientRecords(packed(Latin("é"))).next_batch())
    for record in (plain, lenient):
        assert (record.offset, record.timestamp, record.key, record.value) == (0, 5, b"k", b"v" * 200)
        assert record.headers[1] == ("null", None)


def test_the_clients_questions_about_a_batch_are_answered() -> None:
    records = LenientRecords(packed("a", "b") + packed("c", transactional=True))
    first, second = records.next_batch(), records.next_batch()
    assert (first.base_offset, first.next_offset, first.is_transactional, second.is_transactional) == (
        0,
        2,
        False,
        True,
    )
    assert first.validate_crc()
    assert not first.is_control_batch
    assert not records.has_next()
    assert next(second).value == b"v" * 200


def test_every_consumer_of_the_process_reads_so_once_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", None)
    install()
    assert fetcher.MemoryRecords is LenientRecords


@pytest.mark.parametrize("codec", [1, 3, 4], ids=["gzip", "lz4", "zstd"])
def test_a_batch_that_unpacks_to_more_than_memory_holds_is_one_message_that_says_so(codec: int) -> None:
    data = bomb(codec)
    assert len(data) < MAX_MESSAGE_BYTES  # a topic takes it
    records = LenientRecords(data + packed("behind"))
    tracemalloc.start()
    try:
        batch = records.next_batch()
        assert batch.validate_crc()
        assert not batch.is_control_batch
        (notice,) = list(batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert (notice.offset, notice.timestamp, notice.key, tuple(notice.headers)) == (1, 5, None, ())
    assert notice.value.startswith(b"petstream did not read the messages at offsets 0 to 1: their batch, of ")
    assert [record.headers[0][0] for record in records.next_batch()] == ["behind"]


@pytest.mark.parametrize("codec", [1, 3, 4], ids=["gzip", "lz4", "zstd"])
def test_a_large_message_that_memory_holds_is_read(codec: int) -> None:
    first, second = list(LenientRecords(bomb(codec, 8_000_000)).next_batch())
    assert (first.value, second.value) == (b"first", b"\0" * 8_000_000)


def test_a_batch_that_cannot_be_unpacked_is_one_message_that_says_so() -> None:
    data = bytearray(bomb(4, 8_000_000))
    data[100:140] = b"\xff" * 40
    (notice,) = list(LenientRecords(bytes(data)).next_batch())
    assert b"or not at all" in notice.value
