"""
The server that decoding processes are forked from: a child of this process, in which all that they import is imported.

A new interpreter with its imports takes 0.2 s of a processor, a fork 0.01 s. Pictures that kill their process come in
heaps, and whoever stands behind them waits for as many new processes.
"""

import itertools
import os
import socket
import subprocess
from collections.abc import Mapping
from typing import Final

import msgspec

from inference import children
from inference.decode import Limits
from inference.decode.child import Orders
from inference.manifest import InputSpec

FORK: Final = (
    b"f"  # parent, followed by a number of its own: here are a socket and a slot, fork a child that serves them
)
END: Final = b"e"  # parent, followed by that number: end this child, and say how it ended

_ANSWER_SECONDS: Final = 10.0  # a child is ended within milliseconds; at first, the server may still import
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}  # numpy's: forks are of one thread, and decoders do no algebra


class ForkServer:
    """
    Forks children that serve ``decode_child.Orders``, and ends them. Dies with this process, and they with it.

    Args:
        orders: what all children have in common; see decode_pool.
        environment: what they see of the environment.
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
        """Start it. Raises OSError."""
        self._numbers = itertools.count()
        # Packets: a request or an answer is whole, and comes with its descriptors.
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_ANSWER_SECONDS)
        try:
            with theirs:
                orders = Orders(
                    parent=os.getpid(),
                    socket=theirs.fileno(),
                    spec=spec,
                    limits=limits,
                    cpu_seconds=cpu_seconds,
                    memory_bytes=memory_bytes,
                    decoder=decoder,
                )
                self._process = children.start(
                    "inference.decode.forkserver_child",
                    msgspec.json.encode(orders).decode(),
                    environment={**environment, **_ONE_THREAD},
                    pass_fds=(orders.socket,),
                )
        except OSError:
            self._socket.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked for children."""
        return self._socket.fileno() >= 0 and self._process.poll() is None

    def fork(self, theirs: socket.socket, slot_fd: int) -> int:
        """
        Have a child serve a socket and a slot. Returns at once; the child greets once it is there.

        Returns:
            the number by which to ``end`` it.

        Raises:
            OSError: if the server is gone.
        """
        number = next(self._numbers)
        socket.send_fds(self._socket, [FORK + str(number).encode()], [theirs.fileno(), slot_fd])
        return number

    def end(self, number: int) -> str | int:
        """End a child at once, if it has not ended: its exit status, or why that is not known."""
        try:
            self._socket.send(END + str(number).encode())
            return int(self._socket.recv(64))
        except (OSError, ValueError):  # with the server its children ended
            self.close()
            return children.how_it_ended(self._process.returncode)

    def close(self) -> None:
        """End it, and its children with it. Idempotent."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            try:
                self._process.wait(0.05)  # on its own: then its exit status says why
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process.wait()
