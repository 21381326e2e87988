"""
The fork server. It has one thread, no secrets and only the parent's socket open. It never reads a picture, so a picture
can harm only a forked child.
"""

import gc
import os
import signal
import socket
import sys
import warnings

import msgspec

from inference.decode import child as decode_child
from inference.decode.child import ChildSettings
from inference.decode.forkserver import FORK

UNKNOWN = "unknown"  # the exit status of a child that could not be forked


def main(settings_json: str) -> None:
    """Fork and end children until the parent closes the socket."""
    settings = msgspec.json.decode(settings_json, type=ChildSettings)
    decode_child.die_with_parent(settings.parent)
    warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
    os.environ.pop("OPENBLAS_NUM_THREADS", None)
    decode_child.import_object(settings.decoder)
    gc.freeze()  # a collection in a child would write to the shared pages
    pids: dict[bytes, int] = {}
    with socket.socket(fileno=settings.socket) as parent:
        while True:
            message, descriptors, _, _ = socket.recv_fds(parent, 64, 2)
            if not message:
                return
            command, number = message[:1], message[1:]
            if command == FORK:
                try:
                    pid = os.fork()
                except OSError:
                    pid = -1
                if pid == 0:
                    parent.close()
                    _serve(settings, *descriptors)
                if pid > 0:
                    pids[number] = pid
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                parent.send(str(_end(pids.pop(number, None))).encode())


def _serve(settings: ChildSettings, theirs: int, buffer: int) -> None:
    """Run in the child. Never returns, since its stack is a copy of the server's."""
    status = 1
    try:
        decode_child.die_with_parent(os.getppid())
        decode_child.serve(settings, theirs, buffer)
        status = 0
    except BaseException:  # noqa: BLE001 - as an interpreter does: print it, status 1
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _end(pid: int | None) -> int | str:
    if pid is None:
        return UNKNOWN
    os.kill(pid, signal.SIGKILL)  # no effect on a zombie
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main(sys.argv[1])
