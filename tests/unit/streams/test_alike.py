from collections.abc import Iterable
from itertools import count
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alike import LIKENESS, SILENT, Streak, Trust
from streams.contracts import REASONS, Reason

ENDINGS: list[Reason | None] = [None, *REASONS]


def suspected(most: int, reasons: Iterable[Reason | None], same: UUID | None = None) -> bool:
    streak = Streak(most)
    return [streak.suspects(same or uuid4(), reason) for reason in reasons][-1]


@pytest.mark.parametrize("reason", LIKENESS)
def test_so_many_that_end_alike_are_suspicious_and_one_less_is_not(reason: Reason) -> None:
    assert not suspected(5, [reason] * 4)
    assert suspected(5, [reason] * 5)


def test_reasons_that_one_broken_part_can_give_are_alike() -> None:
    assert suspected(3, ["undecodable", "unsupported_format", "decoder_crashed"])


@pytest.mark.parametrize("between", [None, "not_a_pet", "missing"])
def test_any_other_ending_starts_the_count_again(between: Reason | None) -> None:
    torn: list[Reason | None] = ["undecodable"] * 4
    assert not suspected(5, [*torn, between, *torn])


@pytest.mark.parametrize("between", sorted(SILENT))
def test_an_ending_that_says_nothing_of_the_parts_changes_nothing(between: Reason) -> None:
    torn: list[Reason | None] = ["undecodable"] * 4
    assert suspected(5, [*torn, between, "undecodable"])


def test_one_object_again_and_again_is_one() -> None:
    assert not suspected(2, ["missing"] * 9, same=uuid4())


def test_none_is_never_too_many() -> None:
    assert not suspected(0, ["missing"] * 1000)


def test_what_is_seen_to_work_starts_the_count_again() -> None:
    streak = Streak(2)
    streak.suspects(uuid4(), "missing")
    streak.clear()
    assert not streak.suspects(uuid4(), "missing")


@given(st.integers(1, 6), st.lists(st.sampled_from(ENDINGS), max_size=40))
def test_the_streak_is_the_model(most: int, reasons: list[Reason | None]) -> None:
    streak, numbers = Streak(most), count()
    heard: list[Reason | None] = []
    for reason in reasons:
        told = streak.suspects(UUID(int=next(numbers)), reason)
        if reason in SILENT:
            assert not told
            continue
        heard.append(reason)
        last = heard[-most:]
        alike = {LIKENESS.get(str(each)) for each in last}
        assert told == (len(last) == most and len(alike) == 1 and None not in alike)


def test_once_proved_the_parts_need_no_proof_again_until_the_next_doubt() -> None:
    now = 0.0
    trust = Trust(lambda: now)
    trust.doubt()
    now = 1
    trust.prove()
    now = 3
    trust.prove()  # as each attempt does that sees them work, also one that ends with a rejection
    assert trust.covers(2)
    trust.doubt()
    now = 5
    trust.prove()
    assert not trust.covers(4)
    assert trust.covers(5)


def test_a_failure_that_began_before_the_parts_were_seen_to_work_again_does_not_count() -> None:
    now = 0.0
    trust = Trust(lambda: now)
    assert trust.covers(0)  # nothing was ever in doubt
    now = 5
    trust.doubt()
    assert not trust.covers(4)
    assert not trust.covers(6)
    now = 7
    trust.prove()
    assert not trust.covers(6)
    assert trust.covers(8)
    now = 9
    trust.doubt()
    assert not trust.covers(10)
