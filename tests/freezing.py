"""A server that is there and does nothing, as an instance that is lost without a word."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from deploy.local.postgres import Postgres
from deploy.local.processes import ChildProcess


def freeze(server: Postgres) -> Callable[[], None]:
    """Stop the server's processes, each by its id, since each leads a group of its own; call the result to thaw."""
    first = server.processes[0].pid
    os.kill(first, signal.SIGSTOP)  # from now on the first starts none and reaps none, so that no id below is stale
    children = [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]
    for pid in children:
        os.kill(pid, signal.SIGSTOP)

    def thaw() -> None:
        for pid in (*reversed(children), first):  # the first last: it would reap those that ended
            os.kill(pid, signal.SIGCONT)

    return thaw


def freeze_group(process: ChildProcess) -> Callable[[], None]:
    """Stop a process and all that it started, as a pause of its machine does; call the result to thaw."""
    os.killpg(process.pid, signal.SIGSTOP)

    def thaw() -> None:
        if process.is_running:  # it may have been killed meanwhile
            os.killpg(process.pid, signal.SIGCONT)

    return thaw
