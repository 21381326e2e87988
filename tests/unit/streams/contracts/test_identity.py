from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.identity import NO_SEQUENCER, image_id, pad_sequencer, right_padded


def test_an_id_is_that_of_the_url_with_the_decoded_key() -> None:
    assert image_id("pets", "a b/ü.jpg") == uuid5(NAMESPACE_URL, "s3://pets/a b/ü.jpg")


CAT, DOG = "0055AED6DCD90281E5", "0055AED6DCD91"
"""Two writes of one key; as numbers the first is the greater."""
DIGITS = st.text("0123456789ABCDEF", max_size=20)
TAILS = st.builds("{}{}".format, st.sampled_from("123456789ABCDEF"), DIGITS)
"""A sequencer of Amazon's without the two zeros that S3's own notifications begin with and EventBridge leaves out."""


def amazons_order(a: str, b: str) -> int:
    """Below 0 if ``a`` is the earlier one: the user guide pads the shorter one on the right, then compares."""
    longest = max(len(a), len(b))
    left, right = a.ljust(longest, "0"), b.ljust(longest, "0")
    return (left > right) - (left < right)


def test_the_later_of_two_writes_is_the_greater_sequencer_though_it_is_shorter() -> None:
    assert pad_sequencer(CAT) < pad_sequencer(DOG)
    assert pad_sequencer(CAT.removeprefix("00")) < pad_sequencer(DOG)
    assert pad_sequencer(CAT) < pad_sequencer(DOG.removeprefix("00"))


def test_a_sequencer_is_the_same_in_either_case_and_with_or_without_its_leading_zeros() -> None:
    assert pad_sequencer("00ab") == pad_sequencer("AB") == "AB".ljust(64, "0")


@given(TAILS)
def test_s3_and_event_bridge_give_one_write_one_sequencer(tail: str) -> None:
    assert pad_sequencer(f"00{tail}") == pad_sequencer(tail) == pad_sequencer(tail.lower())


@given(TAILS, TAILS, st.sampled_from(["00", ""]), st.sampled_from(["00", ""]))
def test_sequencers_are_in_amazons_order_whichever_way_each_event_came(
    a: str, b: str, zeros_of_a: str, zeros_of_b: str
) -> None:
    first, second = pad_sequencer(zeros_of_a + a), pad_sequencer(zeros_of_b + b)
    assert (first > second) - (first < second) == amazons_order(f"00{a}", f"00{b}") == amazons_order(a, b)


@given(st.text("0123456789ABCDEF", min_size=64, max_size=64))
def test_what_is_padded_stays_and_what_was_padded_on_the_left_becomes_it(digits: str) -> None:
    padded = pad_sequencer(digits)
    assert pad_sequencer(padded) == right_padded(padded) == padded
    assert right_padded(digits) == padded
    assert padded == NO_SEQUENCER or not padded.startswith("0"), "told from each other by the first digit"


@given(TAILS)
def test_a_stored_value_of_before_becomes_what_its_event_gives_today(tail: str) -> None:
    stored_before = f"00{tail}".rjust(64, "0")
    assert right_padded(stored_before) == pad_sequencer(f"00{tail}")


@pytest.mark.parametrize("absent", [None, ""])
def test_no_sequencer_never_beats_a_real_one(absent: str | None) -> None:
    assert pad_sequencer(absent) == NO_SEQUENCER < pad_sequencer("1")


@pytest.mark.parametrize("bad", ["xyz", "0x12", "1 2", "é", "1" * 65, "-1"])
def test_what_is_no_sequencer_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        pad_sequencer(bad)
