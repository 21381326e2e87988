"""The guard's reading of its orders. What it does with them: tests/integration/deploy/test_cleanup_process.py."""

from deploy.local.cleanup_process import read_commands


def test_what_was_watched_and_not_forgotten_is_left_to_end() -> None:
    groups, _ = read_commands(['["watch", 7, 9]\n', '["watch", 8, 3]\n', '["forget", 7]\n'])
    assert groups == {8: 3}


def test_what_was_to_be_removed_and_not_kept_is_left_to_remove() -> None:
    _, folders = read_commands(['["remove", "/a"]\n', '["remove", "/b"]\n', '["keep", "/a"]\n'])
    assert folders == {"/b"}


def test_half_a_line_from_a_parent_that_was_killed_while_writing_is_ignored() -> None:
    assert read_commands(['["watch", 7, 9]\n', '["watch", 8, ']) == ({7: 9}, set())
