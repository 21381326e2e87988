"""
The process that decodes: one picture after the other, under limits of memory and time that only a process can have.

Forked from a server that ``decode_pool`` starts as a program of its own (decode_forkserver.py), never from the service:
it shares no locks, threads or secrets with that, and imports neither torch nor Kafka. It ends when its parent does.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from inference.decode import Limits
from inference.decode import slot as decode_slot
from inference.decode.slot import Slot
from inference.errors import RejectedImage
from inference.manifest import InputSpec

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the server of the children is started with, as JSON in the command line."""

    parent: int
    socket: int
    spec: InputSpec
    limits: Limits
    cpu_seconds: float
    memory_bytes: int
    decoder: str


def serve(orders: Orders, socket_fd: int, slot_fd: int) -> None:
    """Decode until the parent hangs up, through a socket and a slot of its."""
    decode = imported(orders.decoder)
    slot = Slot(slot_fd, orders.spec.size, orders.limits.max_bytes)
    slot.put_detail(str(os.getpid()))
    limit_memory(orders.memory_bytes)
    be_quiet()
    with socket.socket(fileno=socket_fd) as parent:
        parent.sendall(decode_slot.READY)
        while parent.recv(1) == decode_slot.DECODE:
            signal.setitimer(signal.ITIMER_PROF, orders.cpu_seconds)  # then SIGPROF, which ends the process
            reply = _decode(decode, slot, orders)
            signal.setitimer(signal.ITIMER_PROF, 0)
            parent.sendall(reply)


def _decode(decode: Callable[..., Any], slot: Slot, orders: Orders) -> bytes:
    try:
        with slot.picture() as picture:
            slot.put_pixels(decode(picture, orders.spec, orders.limits))
    except RejectedImage as rejected:
        slot.put_detail(rejected.detail)
        return decode_slot.REJECTED[rejected.reason]
    except MemoryError as error:
        slot.put_detail(f"out of memory: {error}")
        return decode_slot.REJECTED["decoder_crashed"]
    except Exception as error:  # noqa: BLE001 - reported to the parent, which raises it
        slot.put_detail(f"{type(error).__name__}: {error}")
        return decode_slot.FAILED
    return decode_slot.PIXELS


def outlive_signals_but_not_the_parent(parent: int) -> None:
    """
    A terminal's Ctrl-C and a service manager's SIGTERM reach the children, too: they are the parent's to handle.

    The parent's end closes the socket, which ends a waiting child; a busy one is ended by the kernel, where it can.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        sys.exit()


def be_quiet() -> None:
    """
    From here on nothing is printed: C libraries (libtiff) write about damaged files to the service's own log, where
    whoever uploads pictures would write lines. What stops the start has been said by now.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def limit_memory(memory_bytes: int) -> None:
    """At most ``memory_bytes`` beyond what is mapped now; no core dumps, which bad pictures would pile up."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # not Linux: no way to know what is mapped, and macOS does not enforce the limit
        return
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def imported(name: str) -> Callable[..., Any]:
    """What "module:function" names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
