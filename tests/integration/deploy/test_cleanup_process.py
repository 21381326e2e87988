import signal
import subprocess
from pathlib import Path

from deploy.local.cleanup_process import end_groups, remove_folders


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
        assert stubborn.wait(60) == -signal.SIGKILL


def test_a_group_that_is_gone_already_is_no_error() -> None:
    gone = subprocess.Popen(["true"], start_new_session=True)
    gone.wait(60)
    end_groups({gone.pid: signal.SIGTERM}, grace_seconds=0.1)


def test_a_folder_is_removed_with_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    remove_folders([str(tmp_path / "a"), str(tmp_path / "never was")])
    assert list(tmp_path.iterdir()) == []
