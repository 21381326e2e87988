"""Lengths of time as people write them."""

from datetime import timedelta

import pytest

from streams.runtime.durations import duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("6h", timedelta(hours=6)),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(minutes=90)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta()),
    ],
)
def test_a_length_of_time_is_read_as_people_write_it(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "6", "h", "6 h", "-6h", "6.5h", "PT6H", "6h ", "6w", "٦h", "999999999d999999999d", "1" * 30 + "s"]
)
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like 6h|longer than any calendar"):
        duration(text)
