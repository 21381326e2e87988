"""A message of any result topic becomes its typed value, or a named error that has the message."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from streams.contracts import ImageClassified, PipelineStatus, StorageDeadLetter, encode
from streams.contracts.cloudevents import EVENT_TYPES, headers, process_status_headers
from streams.subscriber.received_event import UndecodableEventError, UnknownEventTypeError, read
from tests.sinking import NOON, classified

CLASSIFIED = classified("pets", "a b")
TRACEPARENT = ("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")


@dataclass
class Sent:
    value: bytes | None = encode(CLASSIFIED)
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=lambda: headers(CLASSIFIED, [TRACEPARENT]))
    topic: str = "blue.image-classifications"
    partition: int = 2
    offset: int = 17
    timestamp: int = 1_764_201_600_123
    key: bytes | None = b"pets/a b"


def test_an_event_comes_with_where_it_stood_and_what_its_headers_say() -> None:
    received = read(Sent(), prefix="blue.")
    assert received.event == CLASSIFIED
    assert (received.topic, received.partition, received.offset) == ("image-classifications", 2, 17)
    assert received.key == b"pets/a b"
    assert received.timestamp == datetime(2025, 11, 27, 0, 0, 0, 123_000, UTC)
    assert received.ce_type == EVENT_TYPES[ImageClassified]
    assert received.ce_id is not None
    assert received.ce_id.startswith(str(CLASSIFIED.id))
    assert received.traceparent == TRACEPARENT[1].decode()
    assert received.body == encode(CLASSIFIED)


def test_a_field_that_was_added_later_does_not_hurt() -> None:
    body = encode(CLASSIFIED)[:-1] + b',"colour":"ginger"}'
    assert read(Sent(body), prefix="blue.").event == CLASSIFIED


def test_the_type_decides_and_not_the_topic() -> None:
    letter = StorageDeadLetter(
        id=CLASSIFIED.id,
        topic="t",
        partition=0,
        offset=1,
        sqlstate=None,
        constraint=None,
        detail="",
        failed_at=NOON,
        event=b"{}",
    )
    assert read(Sent(encode(letter), headers(letter, []))).event == letter


def test_the_status_of_a_process_has_a_type() -> None:
    status = PipelineStatus(component="bridge", state="ok", since=NOON, at=NOON, warning=None, process="a-1")
    received = read(Sent(encode(status), process_status_headers(status), topic="pipeline-status"))
    assert (received.event, received.ce_type) == (status, "petstream.process.status.v1")


def test_the_status_of_the_storage_has_no_headers() -> None:
    status = PipelineStatus(component="storage", state="ok", since=NOON, at=NOON, warning=None)
    received = read(Sent(encode(status), [], topic="blue.pipeline-status"), prefix="blue.")
    assert (received.event, received.ce_id, received.ce_type) == (status, None, None)


@pytest.mark.parametrize("ce_type", [None, b"petstream.image.classified.v2", b"\xff"])
def test_an_unknown_type_is_named_and_not_guessed(ce_type: bytes | None) -> None:
    sent = Sent(headers=[] if ce_type is None else [("ce_type", ce_type)])
    with pytest.raises(UnknownEventTypeError) as raised:
        read(sent)
    assert raised.value.ce_type == (None if ce_type is None else ce_type.decode(errors="replace"))
    assert raised.value.body == sent.value


@pytest.mark.parametrize(
    "body",
    [
        *(None, b"", b"\xff\xfe", b"{", b'{"id": 1}', encode(CLASSIFIED).replace(b"cat", b"cow")),
        encode(CLASSIFIED).replace(b"a b", b"a \xff"),  # no UTF-8
        encode(CLASSIFIED)[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["none", "empty", "no text", "no end", "no contract", "no label", "no UTF-8", "too deep"],
)
def test_a_body_that_breaks_its_contract_says_where_it_stands(body: bytes | None) -> None:
    with pytest.raises(
        UndecodableEventError, match=r"^blue\.image-classifications, partition 2, offset 17: "
    ) as raised:
        read(Sent(body))
    error = raised.value
    assert (error.topic, error.partition, error.offset) == ("blue.image-classifications", 2, 17)
    assert error.body == body
    assert dict(error.headers)["ce_type"] == EVENT_TYPES[ImageClassified].encode()


@pytest.mark.parametrize("timestamp", [-1, -70_000_000_000_000, 2**63 - 1])
def test_a_timestamp_that_nobody_believes_is_the_time_of_reading(timestamp: int) -> None:
    before = datetime.now(UTC)
    assert before <= read(Sent(timestamp=timestamp)).timestamp <= datetime.now(UTC)


def test_a_header_without_a_value_is_a_missing_header_and_of_two_the_first_counts() -> None:
    good = [*headers(CLASSIFIED, []), TRACEPARENT]
    nulls = [(name, None) for name, _ in good]
    again = [(name, b"again") for name, _ in good]
    received = read(Sent(headers=[*nulls, ("größe", b"\xff"), *good, *again]))
    assert received.traceparent == TRACEPARENT[1].decode()
    assert received.ce_type == EVENT_TYPES[ImageClassified]
    assert read(Sent(headers=[*headers(CLASSIFIED, []), ("traceparent", None)])).traceparent is None
    with pytest.raises(UnknownEventTypeError):
        read(Sent(headers=nulls))
