"""Real processes: a fake one could not be killed."""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.errors import PartEnded, PartTimedOut
from deploy.local.processes import ChildProcess


def sleeper(tmp_path: Path, script: str = "exec sleep 60", **options: object) -> ChildProcess:
    return ChildProcess("sleeper", ["sh", "-c", script], log_path=tmp_path / "logs" / "sleeper.log", **options)  # type: ignore[arg-type]  # the caller's names are the parameters'


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that its parent did not reap yet is dead all the same.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_stop_asks_first_and_the_process_may_end_by_its_own_hand(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    polite = sleeper(tmp_path, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done").start()
    eventually(lambda: "ready" in polite.log_tail())
    assert polite.stop(grace_seconds=60) == 7
    assert not polite.is_running


def test_stop_kills_what_does_not_listen(tmp_path: Path, eventually: Callable[..., None]) -> None:
    deaf = sleeper(tmp_path, "trap '' TERM; echo ready; while :; do sleep 0.02; done").start()
    eventually(lambda: "ready" in deaf.log_tail())
    assert deaf.stop(grace_seconds=0.1) == -signal.SIGKILL


def test_what_somebody_stopped_is_woken_with_its_children_and_ends_politely(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    script = "setsid sh -c 'echo child; while :; do sleep 0.02; done' & trap 'kill $!; exit 7' TERM; wait"
    stopped = sleeper(tmp_path, script).start()
    eventually(lambda: "child" in stopped.log_tail())
    task = Path(f"/proc/{stopped.pid}/task/{stopped.pid}/children")
    (child,) = (int(pid) for pid in task.read_text().split())
    for pid in (child, stopped.pid):
        os.kill(pid, signal.SIGSTOP)
    stopped.wake()
    assert stopped.stop(grace_seconds=60) == 7
    eventually(lambda: not is_alive(child))


def test_kill_takes_the_children_of_the_process_along(tmp_path: Path, eventually: Callable[..., None]) -> None:
    family = sleeper(tmp_path, "sleep 60 & echo $!; wait").start()
    eventually(lambda: family.log_tail().strip().isdigit())
    grandchild = int(family.log_tail())
    assert family.kill() == -signal.SIGKILL
    eventually(lambda: not is_alive(grandchild))


def test_what_a_process_that_ended_left_behind_is_killed(tmp_path: Path, eventually: Callable[..., None]) -> None:
    careless = sleeper(tmp_path, "sleep 60 & echo $!").start()
    assert careless.wait(60) == 0
    grandchild = int(careless.log_tail())
    eventually(lambda: not is_alive(grandchild))


def test_an_unexpected_end_is_reported_with_the_last_lines_of_the_log(tmp_path: Path) -> None:
    failing = sleeper(tmp_path, "seq 1 100; echo 'no space left'; exit 3").start()
    failing.wait(60)
    with pytest.raises(PartEnded, match=r"sleeper ended with status 3.*sleeper\.log") as caught:
        failing.raise_if_ended()
    assert "no space left" in str(caught.value)
    assert "\n80\n" not in str(caught.value)  # twenty lines, not the whole log


def test_waiting_for_a_process_that_ends_instead_does_not_wait_for_the_time_out(tmp_path: Path) -> None:
    failing = sleeper(tmp_path, "exit 3").start()
    with pytest.raises(PartEnded):
        failing.wait_until(lambda: False, timeout_seconds=3600)


def test_waiting_for_a_process_that_never_gets_ready_ends_with_the_time_out(tmp_path: Path) -> None:
    slow = sleeper(tmp_path).start()
    with pytest.raises(PartTimedOut):
        slow.wait_until(lambda: False, timeout_seconds=0.05)
    slow.kill()


def test_a_program_that_does_not_exist_says_so_in_the_log(tmp_path: Path) -> None:
    missing = ChildProcess("missing", ["/no/such/program"], log_path=tmp_path / "log").start()
    with pytest.raises(PartEnded, match="cannot run /no/such/program"):
        missing.wait_until(lambda: False, timeout_seconds=60)


def test_a_process_can_be_started_again_and_its_log_goes_on(tmp_path: Path) -> None:
    again = sleeper(tmp_path, "echo once more")
    for _ in range(2):
        assert again.start().wait(60) == 0
    assert again.log_tail() == "once more\nonce more"


def test_a_running_process_is_not_started_twice(tmp_path: Path) -> None:
    once = sleeper(tmp_path).start()
    with pytest.raises(RuntimeError, match="runs already"):
        once.start()
    once.kill()


def test_a_process_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    # The kernel ties the parent-death signal to the thread that forked: a fork from `starter` would die with it.
    child = sleeper(tmp_path, f"echo started; until [ -e {tmp_path}/ended ]; do sleep 0.02; done; echo survived")

    def start_and_see_it_running() -> None:
        child.start()
        child.wait_until(lambda: "started" in child.log_tail(), timeout_seconds=60)

    starter = threading.Thread(target=start_and_see_it_running)
    starter.start()
    starter.join()
    (tmp_path / "ended").touch()
    assert child.wait(60) == 0
    assert child.log_tail().splitlines() == ["started", "survived"]


def test_signals_that_python_ignores_are_back_to_normal_in_the_child(tmp_path: Path) -> None:
    child = sleeper(tmp_path, "grep SigIgn /proc/self/status").start()
    assert child.wait(60) == 0
    ignored = int(child.log_tail().split()[-1], 16)
    assert ignored & (1 << (signal.SIGPIPE - 1)) == 0


def test_a_child_sees_exactly_the_environment_that_it_is_given(tmp_path: Path) -> None:
    child = ChildProcess("env", ["env"], env={"PATH": os.defpath, "ONLY": "this"}, log_path=tmp_path / "log").start()
    child.wait(60)
    assert "ONLY=this" in child.log_tail()
    assert "HOME=" not in child.log_tail()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up being root")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="only setpriv (util-linux) tells the parent-death signal")
def test_a_child_that_gives_up_root_still_dies_with_its_parent(tmp_path: Path) -> None:
    child = ChildProcess(
        "nobody",
        ["setpriv", "--dump"],
        uid=65_534,
        death_signal=signal.SIGQUIT,
        log_path=tmp_path / "log",
    ).start()
    assert child.wait(60) == 0, child.log_tail()
    told = child.log_tail()
    assert "uid: 65534" in told
    assert "egid: 65534" in told
    assert "Supplementary groups: [none]" in told
    assert "Parent death signal: QUIT" in told


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="only there is a process asked without being reaped")
def test_a_process_that_is_killed_while_another_thread_looks_at_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, waitid = sleeper(tmp_path).start(), os.waitid
    killing = threading.Thread(target=process.kill)

    def killed_meanwhile(*arguments: int) -> object:
        killing.start()
        killing.join(0.3)
        return waitid(*arguments)

    monkeypatch.setattr(os, "waitid", killed_meanwhile)
    assert process.poll() in (None, -signal.SIGKILL)
    killing.join()
    assert process.poll() == -signal.SIGKILL
