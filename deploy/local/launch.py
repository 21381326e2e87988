"""
Starts a child: drops root if requested, asks the kernel to end it with its parent, and executes the program.

Run as a script by an interpreter of its own (`python -I -S launch.py …`), so it imports the standard library alone.
Popen's preexec_fn is not used, since it runs Python code in the fork of a process that has threads.

The order matters. Linux clears the parent-death signal when credentials change, so it is set after setuid; exec keeps
it, unless the program is set-uid. If the parent ended before that, no signal comes, so its pid is compared afterwards.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent(death_signal: int, parent_pid: int) -> None:
    """Ask the kernel for `death_signal` when the thread that forked this process ends. Does nothing without prctl."""
    if not sys.platform.startswith("linux"):
        return  # there the cleanup process ends the children
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        sys.exit("the parent ended before this process had begun")


def main(arguments: list[str]) -> None:
    """Become the program: `launch.py PARENT_PID DEATH_SIGNAL UID|- PROGRAM ARGUMENT…`, the program with its path."""
    parent_pid, death_signal, uid, *argv = arguments
    # No imports after this: the standard library may be readable by root only.
    if uid != "-":
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    die_with_parent(int(death_signal), int(parent_pid))
    # Python ignores these two, exec keeps that, and servers expect the defaults.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - a list, and no shell: exactly the program that was asked for
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
