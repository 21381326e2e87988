from inference.decode.adaptive_timeout import MEMORY_SECONDS, AdaptiveTimeout


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_limit_falls_while_others_hang_and_rises_again_afterwards() -> None:
    clock = Clock()
    timeout = AdaptiveTimeout(3, 0.3, clock)
    assert timeout.seconds == 3
    timeout.record_loss(3)
    assert timeout.seconds == 0.3
    clock.now += MEMORY_SECONDS
    assert timeout.seconds == 3


def test_pictures_that_only_exceed_the_short_limit_do_not_keep_it_up_for_ever() -> None:
    clock = Clock()
    timeout = AdaptiveTimeout(3, 0.3, clock)
    timeout.record_loss(3)
    while clock.now < MEMORY_SECONDS:  # such as large ones, or any on a slow machine
        timeout.record_loss(0.31)
        clock.now += 1
    assert timeout.seconds == 3


def test_a_picture_that_crashes_at_once_holds_up_nobody_and_shortens_nothing() -> None:
    timeout = AdaptiveTimeout(3, 0.3)
    for _ in range(20):
        timeout.record_loss(0.01)
    assert timeout.seconds == 3


def test_a_limit_that_is_shorter_stays() -> None:
    timeout = AdaptiveTimeout(0.1, 0.3)
    timeout.record_loss(0.2)
    assert timeout.seconds == 0.1
