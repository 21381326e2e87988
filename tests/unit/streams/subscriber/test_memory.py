"""What came before is a repeat, as long as it is remembered."""

from streams.subscriber.memory import Repeats


def test_the_second_time_is_a_repeat() -> None:
    repeats = Repeats(10)
    assert [repeats.is_repeat(ce_id) for ce_id in "abab"] == [False, False, True, True]


def test_its_memory_is_bounded_and_keeps_what_was_asked_about_last() -> None:
    repeats = Repeats(2)
    assert [repeats.is_repeat(ce_id) for ce_id in "abac"] == [False, False, True, False]
    assert repeats.is_repeat("a")
    assert not repeats.is_repeat("b")


def test_an_id_of_any_length_costs_little_and_is_known_again() -> None:
    repeats = Repeats(10)
    long = "x" * 1_000_000
    assert not repeats.is_repeat(long)
    assert not repeats.is_repeat(long + "y")
    assert repeats.is_repeat(long)
    assert max(map(len, repeats._seen)) < 100
