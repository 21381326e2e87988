"""The parent's side of one decoding process: started, fed, timed and ended from an event loop, without threads."""

import asyncio
import signal
import socket
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference import children
from inference.decode import one_line
from inference.decode import slot as decode_slot
from inference.decode.forkserver import ForkServer
from inference.decode.slot import Slot
from inference.errors import DecodersUnavailable, InferenceError, RejectedImage

_START_SECONDS: Final = 60.0  # importing takes 0.3 s; on an overloaded machine with cold disks, longer
_GONE: Final = b""


class DecoderDied(InferenceError):  # noqa: N818 - the name says what happened
    """The process ended instead of answering."""


class DecodeProcess:
    """
    One child, for one picture at a time. Starting returns at once; ``ready`` waits.

    Attributes:
        pid: of the child, once it is ready; 0 before, or if it could not be started.
        pictures: answered so far.
    """

    def __init__(self, server: ForkServer, side: int, max_bytes: int, cpu_seconds: float) -> None:
        """
        Args:
            server: forks it.
            side: of the pixels.
            max_bytes: of a picture.
            cpu_seconds: processor time that a picture may take, which the child keeps.

        Raises:
            OSError: if there is no room for its descriptors.
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
        self._slot = Slot.create(side, max_bytes)
        try:
            self._socket, theirs = socket.socketpair()
        except OSError:
            self._slot.close()
            raise
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        with theirs:
            try:
                self._number = server.fork(theirs, self._slot.fd)
            except OSError as error:
                self._finish(f"it could not be started: {error}")
                return
        self._loop.add_reader(self._socket, self._hear)

    @property
    def usable(self) -> bool:
        """Whether it is alive and free: not after its death, nor after a picture that was given up."""
        return self._end is None and not self._busy

    async def ready(self) -> None:
        """Wait until it takes pictures; DecodersUnavailable if it does not get there."""
        if self._greeting.done() and self._end is None:
            return
        try:
            async with asyncio.timeout(_START_SECONDS):
                said = await asyncio.shield(self._greeting)
        except TimeoutError:
            self.close()
            said = _GONE
        if said != decode_slot.READY or self._end is not None:
            raise DecodersUnavailable(
                f"A decoding process cannot start: {self._end}. Its own words are in the log above; "
                "check the limits on processes and memory, and that Python can import inference."
            )

    async def decode(self, data: bytes | memoryview, clock_seconds: float) -> NDArray[np.uint8]:
        """
        Have one picture decoded, by a process that is ``ready`` and ``usable``, within so many seconds on the clock.

        Raises:
            RejectedImage: as the decoder says.
            DecoderDied: if the process ended, or ran out of memory and was ended; the message says how.
            DecodersUnavailable: if the decoder itself is broken, which is no picture's fault.
        """
        self._busy = True
        self._slot.put_picture(data)
        self._reply = self._loop.create_future()
        timer = self._loop.call_later(clock_seconds, self._overdue, clock_seconds)
        try:
            self._socket.send(decode_slot.DECODE)
            said = await self._reply
        except OSError:  # it ended while it waited
            self._finish()
            said = _GONE
        finally:
            timer.cancel()
        if said == _GONE or self._end is not None:  # also if it ended right after it had answered
            raise DecoderDied(self._end)
        self._busy = False
        self.pictures += 1
        self._slot.tidy()
        if said == decode_slot.PIXELS:
            return self._slot.pixels()
        if (
            reason := decode_slot.REASON_OF.get(said)
        ) == "decoder_crashed":  # out of memory, perhaps not by this picture
            self._finish(one_line(self._slot.detail()))
            raise DecoderDied(self._end)
        if reason is not None:
            raise RejectedImage(reason, one_line(self._slot.detail()) or "no more is known")
        raise DecodersUnavailable(f"The decoder is broken: {one_line(self._slot.detail())}")

    def close(self) -> None:
        """End it at once and free what it holds; whoever waits gets DecoderDied. Idempotent."""
        self._finish("it was closed")

    def _hear(self) -> None:
        try:
            said = self._socket.recv(2)
        except OSError:
            said = _GONE
        if said == _GONE:
            self._finish()
        elif said not in decode_slot.ANSWERS or self._reply.done():  # no longer itself: its next answer could be wrong
            self._finish(f"it answered {said!r}, out of turn or out of its mind")
        else:
            if self._reply is self._greeting:  # before it has seen a picture: what it says is true
                self.pid = int(self._slot.detail())
            self._reply.set_result(said)

    def _overdue(self, clock_seconds: float) -> None:
        if self._reply.done():
            return  # answered in the last moment
        self._finish(f"it took more than {clock_seconds:g} s on the clock")

    def _finish(self, end: str | None = None) -> None:
        if self._end is not None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._number is not None:
            how = self._server.end(self._number)
            end = end or self._how_it_ended(how)
        self._end = end or "it was not started"
        self._slot.close()
        if not self._reply.done():
            self._reply.set_result(_GONE)

    def _how_it_ended(self, how: str | int) -> str:
        if how == -signal.SIGPROF:
            return f"it took more than {self._seconds:g} s of processor time"
        return children.how_it_ended(how) if isinstance(how, int) else how
