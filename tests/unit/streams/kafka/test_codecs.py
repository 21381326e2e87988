"""Which codecs of Kafka's protocol can be read, and what the doctor says of it."""

import pytest
from aiokafka import codec

from streams.check.kafka import _codecs
from streams.kafka import codecs


def test_all_four_codecs_of_the_protocol_can_be_read() -> None:
    assert codecs.readable() == {"gzip": True, "snappy": True, "lz4": True, "zstd": True}


def test_the_doctor_names_the_codecs_that_it_found_readable() -> None:
    found = _codecs("sink")
    assert found.remedy is None
    assert found.found == "can be read: gzip, snappy, lz4, zstd"


def test_the_doctor_fails_where_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "cramjam", None)
    found = _codecs("classify")
    assert found.found == "messages packed by snappy, lz4, zstd cannot be read"
    assert "cramjam" in (found.remedy or "")
