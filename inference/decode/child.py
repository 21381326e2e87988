"""
The decoding process: decodes one picture after the other, under the kernel's limits of memory and CPU time.

It is forked from a server that ``pool`` starts as a program of its own (forkserver.py), never from the service. So it
shares no locks, threads or secrets with the service, and imports neither torch nor Kafka. It ends with its parent.
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

from inference.decode import Limits, shared_buffer
from inference.decode.shared_buffer import SharedBuffer
from inference.errors import RejectedImage
from inference.manifest import InputSpec

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


class ChildSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the fork server and its children, as JSON in the command line."""

    parent: int
    socket: int
    spec: InputSpec
    limits: Limits
    cpu_seconds: float
    memory_bytes: int
    decoder: str


def serve(settings: ChildSettings, socket_fd: int, buffer_fd: int) -> None:
    """Decode until the parent closes the socket. Pictures and pixels pass through the shared buffer."""
    decode = import_object(settings.decoder)
    buffer = SharedBuffer(buffer_fd, settings.spec.size, settings.limits.max_bytes)
    buffer.put_detail(str(os.getpid()))
    limit_memory(settings.memory_bytes)
    silence_output()
    with socket.socket(fileno=socket_fd) as parent:
        parent.sendall(shared_buffer.READY)
        while parent.recv(1) == shared_buffer.DECODE:
            signal.setitimer(signal.ITIMER_PROF, settings.cpu_seconds)  # SIGPROF then ends the process
            reply = _decode(decode, buffer, settings)
            signal.setitimer(signal.ITIMER_PROF, 0)
            parent.sendall(reply)


def _decode(decode: Callable[..., Any], buffer: SharedBuffer, settings: ChildSettings) -> bytes:
    try:
        with buffer.picture() as picture:
            buffer.put_pixels(decode(picture, settings.spec, settings.limits))
    except RejectedImage as rejected:
        buffer.put_detail(rejected.detail)
        return shared_buffer.REJECTED[rejected.reason]
    except MemoryError as error:
        buffer.put_detail(f"out of memory: {error}")
        return shared_buffer.REJECTED["decoder_crashed"]
    except Exception as error:  # noqa: BLE001 - reported to the parent, which raises it
        buffer.put_detail(f"{type(error).__name__}: {error}")
        return shared_buffer.FAILED
    return shared_buffer.PIXELS


def die_with_parent(parent: int) -> None:
    """
    Ignore SIGINT and SIGTERM, which the parent handles, and end with the parent.

    The end of the parent closes the socket, which ends a waiting child. On Linux, the kernel ends a busy one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before prctl
        sys.exit()


def silence_output() -> None:
    """
    Redirect stdout and stderr to /dev/null. C libraries such as libtiff print about damaged files, so whoever uploads
    pictures could write lines into the service's log. Errors of the start were printed before this.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def limit_memory(memory_bytes: int) -> None:
    """Limit the address space to ``memory_bytes`` beyond what is mapped now, and disable core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # not Linux: the mapped size is unknown, and macOS does not enforce the limit
        return
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def import_object(name: str) -> Callable[..., Any]:
    """The object that "module:name" refers to."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
