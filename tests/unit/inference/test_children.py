import signal

from inference.children import how_it_ended


def test_every_end_of_a_process_has_words() -> None:
    assert how_it_ended(3) == "it ended with status 3"
    assert how_it_ended(-signal.SIGKILL) == "it was killed by SIGKILL"
    assert how_it_ended(-40) == "it was killed by signal 40"
    assert all(how_it_ended(-number) for number in range(1, 65))
