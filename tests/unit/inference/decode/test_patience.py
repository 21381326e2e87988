from inference.decode.patience import MEMORY_SECONDS, Patience


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_limit_falls_while_others_hang_and_rises_again_afterwards() -> None:
    clock = Clock()
    patience = Patience(3, 0.3, clock)
    assert patience.seconds == 3
    patience.lose(3)
    assert patience.seconds == 0.3
    clock.now += MEMORY_SECONDS
    assert patience.seconds == 3


def test_pictures_that_only_exceed_the_short_limit_do_not_keep_it_up_for_ever() -> None:
    clock = Clock()
    patience = Patience(3, 0.3, clock)
    patience.lose(3)
    while clock.now < MEMORY_SECONDS:  # such as large ones, or any on a slow machine
        patience.lose(0.31)
        clock.now += 1
    assert patience.seconds == 3


def test_a_picture_that_crashes_at_once_holds_up_nobody_and_shortens_nothing() -> None:
    patience = Patience(3, 0.3)
    for _ in range(20):
        patience.lose(0.01)
    assert patience.seconds == 3


def test_a_limit_that_is_shorter_stays() -> None:
    patience = Patience(0.1, 0.3)
    patience.lose(0.2)
    assert patience.seconds == 0.1
