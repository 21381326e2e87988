from inference.decode_patience import LOSSES, MEMORY_SECONDS, Patience


def test_the_limit_falls_while_others_hang_and_rises_again_afterwards() -> None:
    now = 0.0
    patience = Patience(3, 0.3, lambda: now)
    for _ in range(LOSSES):
        assert patience.seconds == 3
        patience.lose(3)
    assert patience.seconds == 0.3
    now += MEMORY_SECONDS
    assert patience.seconds == 3


def test_a_limit_that_is_shorter_stays() -> None:
    patience = Patience(0.1, 0.3)
    for _ in range(LOSSES):
        patience.lose(0.1)
    assert patience.seconds == 0.1


def test_pictures_that_only_exceed_the_short_limit_do_not_keep_it_up_for_ever() -> None:
    now = 0.0
    patience = Patience(3, 0.3, lambda: now)
    for _ in range(LOSSES):
        patience.lose(3)
    while now < MEMORY_SECONDS:  # such as large ones, or any on a slow machine
        patience.lose(0.3)
        now += 1
    assert patience.seconds == 3


def test_pictures_that_crash_at_once_keep_the_limit_short_while_they_do() -> None:
    now = 0.0
    patience = Patience(3, 0.3, lambda: now)
    for _ in range(2 * int(MEMORY_SECONDS)):
        patience.lose(0.01)
        now += 1
    assert patience.seconds == 0.3
