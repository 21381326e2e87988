"""What came before is a repeat, as long as it is remembered."""

from streams.subscriber.deduplication import Deduplicator


def test_the_second_time_is_a_repeat() -> None:
    deduplicator = Deduplicator(10)
    assert [deduplicator.is_duplicate(ce_id) for ce_id in "abab"] == [False, False, True, True]


def test_its_memory_is_bounded_and_keeps_what_was_asked_about_last() -> None:
    deduplicator = Deduplicator(2)
    assert [deduplicator.is_duplicate(ce_id) for ce_id in "abac"] == [False, False, True, False]
    assert deduplicator.is_duplicate("a")
    assert not deduplicator.is_duplicate("b")


def test_an_id_of_any_length_costs_little_and_is_known_again() -> None:
    deduplicator = Deduplicator(10)
    long = "x" * 1_000_000
    assert not deduplicator.is_duplicate(long)
    assert not deduplicator.is_duplicate(long + "y")
    assert deduplicator.is_duplicate(long)
    assert max(map(len, deduplicator._seen)) < 100
