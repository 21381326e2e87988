"""The parent's side of the process that decodes on a device: seats given out, answers heard, all without threads."""

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference import children
from inference.decode import Limits
from inference.decode.device.child import NOT_TAKEN, READY, SEAT_BYTES, SEATS, Orders
from inference.decode.slot import Slot
from inference.errors import DecodersUnavailable, InferenceError
from inference.manifest import InputSpec

_START_SECONDS: Final = 120.0  # importing torch and opening a device take 8 s; beside seven others that do so, longer
_END_SECONDS: Final = 0.5  # the loop stands still meanwhile; giving a device's memory back takes some tenths
_KEEP_BYTES: Final = 256 * 1024  # of a seat's picture: a process has many seats

Answer = NDArray[np.uint8] | None


class DeviceGone(InferenceError):  # noqa: N818 - the name says what happened
    """The process ended instead of answering; the message says how."""


class DeviceProcess:
    """
    One child with ``SEATS`` pictures in it at a time. Starting returns at once; ``ready`` waits.

    Attributes:
        pid: of the child; 0 if it could not be started.
        taken: pictures that it gave pixels for.
    """

    def __init__(
        self,
        spec: InputSpec,
        limits: Limits,
        seconds: float,
        memory_bytes: int,
        decoder: str,
        *,
        environment: Mapping[str, str],
    ) -> None:
        """
        Args:
            spec: the pixels to make.
            limits: of the pictures.
            seconds: on the clock, that a picture may be in there.
            memory_bytes: address space that it may take beyond what it has when the device is open.
            decoder: "module:class", called in the child with ``spec``, ``limits`` and the number of seats.
            environment: what the child sees of the environment.
        """
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._greeting: asyncio.Future[None] = self._loop.create_future()
        self._free: asyncio.Queue[int] = asyncio.Queue()
        self._replies: dict[int, asyncio.Future[Answer]] = {}
        self._end: str | None = None
        self.taken = 0
        self.pid = 0
        self._slots = [Slot.create(spec.size, SEAT_BYTES) for _ in range(SEATS)]
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        with theirs:
            orders = Orders(
                parent=os.getpid(),
                socket=theirs.fileno(),
                slots=[slot.fd for slot in self._slots],
                spec=spec,
                limits=limits,
                memory_bytes=memory_bytes,
                decoder=decoder,
            )
            try:
                self._process: subprocess.Popen[bytes] | None = children.start(
                    "inference.decode.device.child",
                    msgspec.json.encode(orders).decode(),
                    environment=environment,
                    pass_fds=(orders.socket, *orders.slots),
                )
            except OSError as error:
                self._process = None
                self._finish(f"it could not be started: {error}")
                return
        self.pid = self._process.pid
        self._loop.add_reader(self._socket, self._hear)

    async def ready(self) -> None:
        """Wait until it takes pictures; DecodersUnavailable if it does not get there."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.shield(self._greeting)
        except TimeoutError:
            self._finish(f"it was not ready after {_START_SECONDS:g} s")
        if self._end is not None:
            raise DecodersUnavailable(
                f"The process that decodes on the device cannot start: {self._end}. Its own words are in the log: "
                "check the driver and the device's free memory, or decode on the processor (DECODE_DEVICE=cpu)."
            )

    async def decode(self, data: bytes | memoryview) -> Answer:
        """
        A picture's pixels, or None if it is not one for the device. Waits for a seat. May be cancelled: the seat
        is free again once the child has answered.

        Raises:
            DeviceGone: if the process ended, of this picture, of another one or of itself.
        """
        if len(data) > SEAT_BYTES:
            return None
        seat = await self._free.get()
        if self._end is not None:
            self._free.put_nowait(seat)  # the next one who waits is to hear of it, too
        self._check_not_gone()
        self._slots[seat].put_picture(data)
        reply: asyncio.Future[Answer] = self._loop.create_future()
        self._replies[seat] = reply
        timer = self._loop.call_later(self._seconds, self._finish, f"a picture took more than {self._seconds:g} s")
        try:
            self._socket.send(bytes([seat]))
            answer = await reply
        except OSError:  # it ended while it waited
            self._finish()
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            self._check_not_gone()
        return answer

    def close(self) -> None:
        """End it at once and free what it holds; whoever waits gets DeviceGone. Idempotent."""
        self._finish("it was closed")

    def _check_not_gone(self) -> None:
        if self._end is not None:
            raise DeviceGone(self._end)

    def _hear(self) -> None:
        try:
            said = self._socket.recv(2 * SEATS)
        except OSError:
            said = b""
        if not said:
            self._finish()
        for word in said:
            if self._end is None:
                self._understand(word)

    def _understand(self, word: int) -> None:
        seat, is_taken = word & ~NOT_TAKEN, not word & NOT_TAKEN
        if word == READY and not self._greeting.done():
            for number in range(SEATS):
                self._free.put_nowait(number)
            self._greeting.set_result(None)
        elif seat in self._replies:
            reply, slot = self._replies.pop(seat), self._slots[seat]
            if not reply.done():
                reply.set_result(slot.pixels() if is_taken else None)
            slot.tidy(_KEEP_BYTES)
            self.taken += is_taken
            self._free.put_nowait(seat)
        else:  # no longer itself: its next answer could be wrong
            self._finish(f"it answered {word}, out of turn or out of its mind")

    def _finish(self, end: str | None = None) -> None:
        if self._end is not None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        how = "it was not started" if self._process is None else _ended(self._process)
        self._end = end or how
        for slot in self._slots:
            slot.close()
        if not self._greeting.done():
            self._greeting.set_result(None)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(None)
        self._free.put_nowait(0)


def _ended(process: subprocess.Popen[bytes]) -> str:
    """End it, if it has not; how it ended. One that the device's driver holds on to is left to a thread."""
    process.kill()  # without effect on what is dead already
    try:
        status = process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="device-decoder-end", daemon=True).start()
        return "it does not end"
    return children.how_it_ended(status)
