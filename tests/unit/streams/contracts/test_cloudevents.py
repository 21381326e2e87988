"""What of a message's headers goes on into the next one's."""

from streams.contracts.cloudevents import headers
from tests.sinking import classified

EVENT = classified("pets", "a")
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def passed_on(*incoming: tuple[str, bytes | None]) -> list[bytes]:
    return [value for name, value in headers(EVENT, incoming) if name == "traceparent"]


def test_the_first_trace_that_has_a_value_goes_on_once() -> None:
    assert passed_on(("traceparent", None), ("traceparent", TRACE), ("traceparent", TRACE)) == [TRACE]
    assert passed_on(("größe", b"\xff"), ("traceparent", None)) == []


def test_what_is_no_trace_does_not_go_on() -> None:
    assert passed_on(("traceparent", b"\xff")) == []
    later = b"01" + TRACE[2:] + b"-" + b"x" * 100_000  # a header of any length may come; ours has 55 characters
    assert passed_on(("traceparent", later)) == [TRACE]
