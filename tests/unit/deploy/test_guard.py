"""The guard's reading of its orders; what it does with them is shown in tests/integration/local/test_endings.py."""

import signal
import subprocess
from pathlib import Path

from deploy.local.guard import end_groups, read_orders, remove_folders


def test_what_was_watched_and_not_forgotten_is_left_to_end() -> None:
    groups, _ = read_orders(['["watch", 7, 9]\n', '["watch", 8, 3]\n', '["forget", 7]\n'])
    assert groups == {8: 3}


def test_what_was_to_be_removed_and_not_kept_is_left_to_remove() -> None:
    _, folders = read_orders(['["remove", "/a"]\n', '["remove", "/b"]\n', '["keep", "/a"]\n'])
    assert folders == {"/b"}


def test_half_a_line_from_a_parent_that_was_killed_while_writing_is_ignored() -> None:
    assert read_orders(['["watch", 7, 9]\n', '["watch", 8, ']) == ({7: 9}, set())


def test_a_group_that_ignores_its_signal_is_killed_after_the_grace() -> None:
    stubborn = subprocess.Popen(
        ["sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.05; done"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with stubborn:
        assert stubborn.stdout is not None
        assert stubborn.stdout.readline() == b"ready\n"
        end_groups({stubborn.pid: signal.SIGINT}, grace_seconds=0.1)
        assert stubborn.wait(10) == -signal.SIGKILL


def test_a_group_that_is_gone_already_is_no_error() -> None:
    gone = subprocess.Popen(["true"], start_new_session=True)
    gone.wait(10)
    end_groups({gone.pid: signal.SIGTERM}, grace_seconds=0.1)


def test_a_folder_is_removed_with_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    remove_folders([str(tmp_path / "a"), str(tmp_path / "never was")])
    assert list(tmp_path.iterdir()) == []
