from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from streams.contracts import RetryReason
from streams.retry.attempt import MAX_ATTEMPTS, Attempt, read

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


@given(
    st.integers(1, MAX_ATTEMPTS),
    st.timedeltas(timedelta(), timedelta(days=7)),
    st.sampled_from(get_args(RetryReason)),
    st.text(max_size=500),
    st.booleans(),
)
def test_an_attempt_survives_its_headers(
    number: int,
    ago: timedelta,
    reason: RetryReason,
    detail: str,
    is_copy: bool,  # noqa: FBT001 - Hypothesis gives it by place
) -> None:
    made = Attempt(number, NOW - ago, reason, detail, "image-uploads", 3, 17, is_copy)
    expected = detail.encode("utf-8", "replace").decode()
    assert read([("traceparent", b"x"), *made.headers()], now=NOW) == Attempt(
        number, NOW - ago, reason, expected, "image-uploads", 3, 17, is_copy
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    f"petstream_retry_{name}"
                    for name in ("attempt", "first_failed_at", "reason", "origin", "detail", "?")
                ]
            ),
            st.none() | st.binary(max_size=60) | st.integers().map(lambda n: str(n).encode()),
        )
    )
)
def test_headers_of_any_content_are_read_as_some_attempt(headers: list[tuple[str, bytes | None]]) -> None:
    seen = read(headers, now=NOW)
    assert 1 <= seen.number <= MAX_ATTEMPTS
    assert seen.first_failed_at <= NOW
    assert seen.reason in get_args(RetryReason)


def test_a_first_failure_that_is_still_to_come_is_now() -> None:
    later = [("petstream_retry_first_failed_at", b"9999-12-31T23:59:59+00:00")]
    assert read(later, now=NOW).first_failed_at == NOW
