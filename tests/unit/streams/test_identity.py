from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.identity import NO_SEQUENCER, image_id, pad_sequencer


def test_an_id_is_that_of_the_url_with_the_decoded_key() -> None:
    assert image_id("pets", "a b/ü.jpg") == uuid5(NAMESPACE_URL, "s3://pets/a b/ü.jpg")


def test_sequencers_of_different_lengths_and_cases_order_as_numbers() -> None:
    assert pad_sequencer("ff") < pad_sequencer("0100") < pad_sequencer("A000")
    assert pad_sequencer("00ab") == pad_sequencer("AB")


@given(st.integers(min_value=0, max_value=16**64 - 1), st.integers(min_value=0, max_value=16**64 - 1))
def test_text_order_of_padded_sequencers_is_numeric_order(a: int, b: int) -> None:
    assert (pad_sequencer(f"{a:x}") < pad_sequencer(f"{b:X}")) == (a < b)


@pytest.mark.parametrize("absent", [None, ""])
def test_no_sequencer_never_beats_a_real_one(absent: str | None) -> None:
    assert pad_sequencer(absent) == NO_SEQUENCER < pad_sequencer("1")


@pytest.mark.parametrize("bad", ["xyz", "0x12", "1 2", "é", "1" * 65, "-1"])
def test_what_is_no_sequencer_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        pad_sequencer(bad)
