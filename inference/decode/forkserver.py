"""
The parent's side of the fork server: a child process with all imports done, from which decoding processes are forked.

A new interpreter with its imports takes 0.2 s of CPU time, a fork 0.01 s. Pictures that kill their process often come
together, and the pictures behind them wait for the replacements.
"""

import itertools
import os
import socket
import subprocess
from collections.abc import Mapping
from typing import Final

import msgspec

from inference import subprocesses
from inference.decode import Limits
from inference.decode.child import ChildSettings
from inference.manifest import InputSpec

FORK: Final = (
    b"f"  # from the parent, with a number and two descriptors: fork a child that serves this socket and buffer
)
END: Final = b"e"  # from the parent, with that number: end this child and reply with its exit status

_ANSWER_SECONDS: Final = 10.0  # ending a child takes milliseconds, but at first the server may still import
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}  # numpy's: a process that forks should have one thread


class ForkServer:
    """
    Forks decoding processes and ends them. The server and its children end with this process.

    Args:
        spec, limits, cpu_seconds, memory_bytes, decoder: common to all children; see ``pool.DecodePool``.
        environment: the children's environment variables.
    """

    def __init__(
        self,
        spec: InputSpec,
        limits: Limits,
        cpu_seconds: float,
        memory_bytes: int,
        decoder: str,
        *,
        environment: Mapping[str, str],
    ) -> None:
        """Start the server. Raises OSError."""
        self._numbers = itertools.count()
        # SEQPACKET keeps each message whole, together with its descriptors.
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_ANSWER_SECONDS)
        try:
            with theirs:
                settings = ChildSettings(
                    parent=os.getpid(),
                    socket=theirs.fileno(),
                    spec=spec,
                    limits=limits,
                    cpu_seconds=cpu_seconds,
                    memory_bytes=memory_bytes,
                    decoder=decoder,
                )
                self._process = subprocesses.start(
                    "inference.decode.forkserver_child",
                    msgspec.json.encode(settings).decode(),
                    environment={**environment, **_ONE_THREAD},
                    pass_fds=(settings.socket,),
                )
        except OSError:
            self._socket.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the server runs."""
        return self._socket.fileno() >= 0 and self._process.poll() is None

    def fork(self, theirs: socket.socket, buffer_fd: int) -> int:
        """
        Fork a child that serves a socket and a buffer. Returns at once; the child sends READY on the socket.

        Returns:
            The child's number, for ``end``.

        Raises:
            OSError: the server is gone.
        """
        number = next(self._numbers)
        socket.send_fds(self._socket, [FORK + str(number).encode()], [theirs.fileno(), buffer_fd])
        return number

    def end(self, number: int) -> str | int:
        """Kill a child if it still runs. Returns its exit status, or why that is unknown."""
        try:
            self._socket.send(END + str(number).encode())
            return int(self._socket.recv(64))
        except (OSError, ValueError):  # the server is gone, and its children with it
            self.close()
            return subprocesses.exit_description(self._process.returncode)

    def close(self) -> None:
        """End the server and its children. Idempotent."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            try:
                self._process.wait(0.05)  # if it ends by itself, its exit status says why
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process.wait()
