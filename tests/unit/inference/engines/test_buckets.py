import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.buckets import BUCKETS, bucket_for, buckets, parts


@pytest.mark.parametrize(
    ("largest", "prepared"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (5, (1, 2, 4, 8)),
        (8, (1, 2, 4, 8)),
        (9, (1, 2, 4, 8, 16)),
        (128, BUCKETS),
        (512, BUCKETS),
    ],
)
def test_what_is_prepared_is_what_batches_can_need(largest: int, prepared: tuple[int, ...]) -> None:
    assert buckets(largest) == prepared


@given(st.integers(1, 128))
def test_a_batch_takes_the_next_bucket_and_wastes_less_than_half_of_it(pictures: int) -> None:
    bucket = bucket_for(pictures)
    assert pictures <= bucket < 2 * pictures
    assert bucket in buckets(pictures)


@given(st.integers(0, 600), st.sampled_from(BUCKETS))
def test_parts_are_the_batch_in_its_order(pictures: int, largest: int) -> None:
    cut = list(parts(pictures, largest))
    assert [number for part in cut for number in range(part.start, part.stop)] == list(range(pictures))
    assert all(1 <= part.stop - part.start <= largest for part in cut)
