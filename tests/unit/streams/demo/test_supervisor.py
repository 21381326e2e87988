"""How soon something that ends again and again is started again."""

from streams.demo.supervisor import LONGEST_PAUSE_SECONDS, pause


def test_the_first_end_costs_no_time_and_later_ones_are_no_tight_loop() -> None:
    assert [pause(failures) for failures in range(4)] == [0, 2, 4, 8]
    assert pause(1000) == LONGEST_PAUSE_SECONDS
