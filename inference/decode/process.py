"""The parent's side of one decoding process: starts, feeds, times and ends it from an event loop, without threads."""

import asyncio
import signal
import socket
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference import subprocesses
from inference.decode import one_line, shared_buffer
from inference.decode.forkserver import ForkServer
from inference.decode.shared_buffer import SharedBuffer
from inference.errors import DecodersUnavailable, InferenceError, RejectedImage

_START_SECONDS: Final = 60.0  # importing takes 0.3 s; on an overloaded machine with cold disks, longer
_CLOSED: Final = b""


class DecoderDied(InferenceError):  # noqa: N818 - the name says what happened
    """The process ended without a reply; the message says how."""


class DecodeProcess:
    """
    One child, which decodes one picture at a time. The constructor returns at once; ``ready`` waits.

    Attributes:
        pid: the child's process id, once it is ready; 0 before, or if it could not be started.
        pictures: the number of pictures decoded so far.
    """

    def __init__(self, server: ForkServer, side: int, max_bytes: int, cpu_seconds: float) -> None:
        """
        Args:
            server: forks the child.
            side: side of the square of pixels.
            max_bytes: largest size of a picture.
            cpu_seconds: limit of CPU time per picture, which the child enforces.

        Raises:
            OSError: the limit of open files is reached.
        """
        self._loop = asyncio.get_running_loop()
        self._server = server
        self._seconds = cpu_seconds
        self._greeting: asyncio.Future[bytes] = self._loop.create_future()
        self._reply = self._greeting
        self._busy = False
        self._end: str | None = None
        self._number: int | None = None
        self.pictures = 0
        self.pid = 0
        self._buffer = SharedBuffer.create(side, max_bytes)
        try:
            self._socket, theirs = socket.socketpair()
        except OSError:
            self._buffer.close()
            raise
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        with theirs:
            try:
                self._number = server.fork(theirs, self._buffer.fd)
            except OSError as error:
                self._finish(f"it could not be started: {error}")
                return
        self._loop.add_reader(self._socket, self._on_readable)

    @property
    def usable(self) -> bool:
        """Whether it is alive and idle; False after its end, and after a picture that was cancelled."""
        return self._end is None and not self._busy

    async def ready(self) -> None:
        """Wait until it is ready for pictures. Raises DecodersUnavailable if it cannot start."""
        if self._greeting.done() and self._end is None:
            return
        try:
            async with asyncio.timeout(_START_SECONDS):
                reply = await asyncio.shield(self._greeting)
        except TimeoutError:
            self.close()
            reply = _CLOSED
        if reply != shared_buffer.READY or self._end is not None:
            raise DecodersUnavailable(
                f"A decoding process cannot start: {self._end}. Its error output is in the log above; "
                "check the limits on processes and memory, and that Python can import inference."
            )

    async def decode(self, data: bytes | memoryview, clock_seconds: float) -> NDArray[np.uint8]:
        """
        Decode one picture within ``clock_seconds``. The process must be ``ready`` and ``usable``.

        Returns:
            uint8 (side, side, 3).

        Raises:
            RejectedImage: the decoder rejects the picture.
            DecoderDied: the process ended, or ran out of memory and was ended; the message says how.
            DecodersUnavailable: the decoder itself is broken.
        """
        self._busy = True
        self._buffer.put_picture(data)
        self._reply = self._loop.create_future()
        timer = self._loop.call_later(clock_seconds, self._on_timeout, clock_seconds)
        try:
            self._socket.send(shared_buffer.DECODE)
            reply = await self._reply
        except OSError:  # it ended while idle
            self._finish()
            reply = _CLOSED
        finally:
            timer.cancel()
        if reply == _CLOSED or self._end is not None:  # also if it ended right after its reply
            raise DecoderDied(self._end)
        self._busy = False
        self.pictures += 1
        self._buffer.free_pages()
        if reply == shared_buffer.PIXELS:
            return self._buffer.pixels()
        if (
            reason := shared_buffer.REASON_OF.get(reply)
        ) == "decoder_crashed":  # out of memory, perhaps through another picture
            self._finish(one_line(self._buffer.detail()))
            raise DecoderDied(self._end)
        if reason is not None:
            raise RejectedImage(reason, one_line(self._buffer.detail()) or "no detail")
        raise DecodersUnavailable(f"The decoder is broken: {one_line(self._buffer.detail())}")

    def close(self) -> None:
        """End the process and free its resources. A pending call raises DecoderDied. Idempotent."""
        self._finish("it was closed")

    def _on_readable(self) -> None:
        try:
            reply = self._socket.recv(2)
        except OSError:
            reply = _CLOSED
        if reply == _CLOSED:
            self._finish()
        elif reply not in shared_buffer.ANSWERS or self._reply.done():  # the process is not to be trusted any more
            self._finish(f"it sent an unexpected reply: {reply!r}")
        else:
            if self._reply is self._greeting:  # trusted, since it has not seen a picture yet
                self.pid = int(self._buffer.detail())
            self._reply.set_result(reply)

    def _on_timeout(self, clock_seconds: float) -> None:
        if self._reply.done():
            return  # the reply came at the last moment
        self._finish(f"it took more than {clock_seconds:g} s on the clock")

    def _finish(self, end: str | None = None) -> None:
        if self._end is not None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._number is not None:
            status = self._server.end(self._number)
            end = end or self._end_description(status)
        self._end = end or "it was not started"
        self._buffer.close()
        if not self._reply.done():
            self._reply.set_result(_CLOSED)

    def _end_description(self, status: str | int) -> str:
        if status == -signal.SIGPROF:
            return f"it took more than {self._seconds:g} s of processor time"
        return subprocesses.exit_description(status) if isinstance(status, int) else status
