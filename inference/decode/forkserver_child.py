"""
The process that decoding processes are forked from. It has one thread, no secrets and nothing open but the parent's
socket, and never sees a picture: whatever a picture does to a child ends with the child.
"""

import gc
import os
import signal
import socket
import sys
import warnings

import msgspec

from inference.decode import child as decode_child
from inference.decode.child import Orders
from inference.decode.forkserver import FORK

UNKNOWN = "unknown"  # how a child ended that could not be forked


def main(orders_json: str) -> None:
    """Fork and end children until the parent hangs up."""
    orders = msgspec.json.decode(orders_json, type=Orders)
    decode_child.outlive_signals_but_not_the_parent(orders.parent)
    warnings.simplefilter("ignore")  # decoders grumble about metadata that nobody reads
    os.environ.pop("OPENBLAS_NUM_THREADS", None)
    decode_child.imported(orders.decoder)
    gc.freeze()  # children share these pages, and a collection would write to all of them
    pids: dict[bytes, int] = {}
    with socket.socket(fileno=orders.socket) as parent:
        while True:
            said, descriptors, _, _ = socket.recv_fds(parent, 64, 2)
            if not said:
                return
            word, number = said[:1], said[1:]
            if word == FORK:
                try:
                    pid = os.fork()
                except OSError:
                    pid = -1
                if pid == 0:
                    parent.close()
                    _serve(orders, *descriptors)
                if pid > 0:
                    pids[number] = pid
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                parent.send(str(_ended(pids.pop(number, None))).encode())


def _serve(orders: Orders, theirs: int, slot: int) -> None:
    """In the child. Never returns: what is above it on the stack is the server's."""
    status = 1
    try:
        decode_child.outlive_signals_but_not_the_parent(os.getppid())
        decode_child.serve(orders, theirs, slot)
        status = 0
    except BaseException:  # noqa: BLE001 - as an interpreter ends: told, status 1
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _ended(pid: int | None) -> int | str:
    if pid is None:
        return UNKNOWN
    os.kill(pid, signal.SIGKILL)  # without effect on what is dead already, and not yet waited for
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main(sys.argv[1])
