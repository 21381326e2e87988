"""Messages whose header names are no UTF-8 are read like others."""

import pytest
from aiokafka.consumer import fetcher

from streams.record_headers import LenientRecords, install
from tests.raw_headers import Latin, builder

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def packed(*names: str, codec: int = 0, transactional: bool = False) -> bytes:
    batch = builder(codec, transactional=transactional)
    for offset, name in enumerate(names):
        batch.append(offset, 5, b"k", b"v" * 200, [(name, b"\xff"), ("null", None)])
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
