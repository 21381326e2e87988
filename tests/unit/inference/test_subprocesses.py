import signal

from inference.subprocesses import exit_description


def test_every_end_of_a_process_has_words() -> None:
    assert exit_description(3) == "it ended with status 3"
    assert exit_description(-signal.SIGKILL) == "it was killed by SIGKILL"
    assert exit_description(-40) == "it was killed by signal 40"
    assert all(exit_description(-number) for number in range(1, 65))
