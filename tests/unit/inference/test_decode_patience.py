from inference.decode_patience import LOSSES, MEMORY_SECONDS, Patience


def test_the_limit_falls_while_others_hang_and_rises_again_afterwards() -> None:
    now = 0.0
    patience = Patience(3, 0.3, lambda: now)
    for _ in range(LOSSES):
        assert patience.seconds == 3
        patience.lose()
    assert patience.seconds == 0.3
    now += MEMORY_SECONDS
    assert patience.seconds == 3


def test_a_limit_that_is_shorter_stays() -> None:
    patience = Patience(0.1, 0.3)
    for _ in range(LOSSES):
        patience.lose()
    assert patience.seconds == 0.1
