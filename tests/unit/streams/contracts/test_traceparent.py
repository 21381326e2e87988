import pytest

from streams.contracts.traceparent import Trace, carried, fresh, parse

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00")


def test_a_header_is_read_and_written_alike() -> None:
    assert parse(HEADER) == TRACE
    assert TRACE.header == HEADER


def test_a_later_version_is_read_as_far_as_this_one_goes() -> None:
    assert parse(f"01{HEADER[2:]}-more") == TRACE


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00-aa-bb-01",
        HEADER.upper(),
        f"{HEADER}-more",
        f"ff{HEADER[2:]}",
        HEADER.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        HEADER.replace("b7ad6b7169203331", "0" * 16),
        f"{HEADER}\n",
    ],
)
def test_what_is_no_traceparent_names_no_trace(value: str) -> None:
    assert parse(value) is None
    assert carried([("traceparent", value.encode())]) is None


def test_a_trace_is_found_among_other_headers() -> None:
    assert carried([("ce_id", b"x"), ("traceparent", HEADER.encode())]) == TRACE
    assert carried([("ce_id", b"x")]) is None
    assert carried([("traceparent", b"\xff")]) is None


def test_fresh_traces_differ_and_can_be_read() -> None:
    assert len({fresh() for _ in range(10)}) == 10
    trace = fresh()
    assert parse(trace.header) == trace


def test_a_header_without_a_value_is_a_missing_header() -> None:
    assert carried([("traceparent", None)]) is None
    assert carried([("traceparent", None), ("traceparent", HEADER.encode())]) == TRACE


def test_of_two_headers_with_one_name_the_first_counts() -> None:
    other = HEADER.replace("b7ad6b71", "ffffffff").encode()
    assert carried([("ü", b"\xff"), ("traceparent", HEADER.encode()), ("traceparent", other)]) == TRACE
