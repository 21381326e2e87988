"""The parent's side of the process that decodes on a device: assigns slots and reads replies, without threads."""

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

from inference import subprocesses
from inference.decode import Limits
from inference.decode.device.child import NOT_TAKEN, READY, SLOT_BYTES, SLOTS, ChildSettings
from inference.decode.shared_buffer import SharedBuffer
from inference.errors import DecodersUnavailable, InferenceError
from inference.manifest import InputSpec

_START_SECONDS: Final = 120.0  # importing torch and opening a device take 8 s; longer beside seven other processes
_END_SECONDS: Final = 0.5  # blocks the event loop; freeing a device's memory takes some tenths
_KEEP_BYTES: Final = 256 * 1024  # per slot: a process has many slots

Answer = NDArray[np.uint8] | None


class DeviceGone(InferenceError):  # noqa: N818 - the name says what happened
    """The process ended without a reply; the message says how."""


class DeviceProcess:
    """
    One child, which decodes up to ``SLOTS`` pictures at a time. The constructor returns at once; ``ready`` waits.

    Attributes:
        pid: the child's process id; 0 if it could not be started.
        taken: the number of pictures decoded so far.
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
            seconds: wall-clock limit per picture.
            memory_bytes: limit of address space, beyond what an open device takes.
            decoder: "module:class", created in the child with ``spec``, ``limits`` and the number of slots.
            environment: the child's environment variables.
        """
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._greeting: asyncio.Future[None] = self._loop.create_future()
        self._free: asyncio.Queue[int] = asyncio.Queue()
        self._replies: dict[int, asyncio.Future[Answer]] = {}
        self._end: str | None = None
        self.taken = 0
        self.pid = 0
        self._buffers = [SharedBuffer.create(spec.size, SLOT_BYTES) for _ in range(SLOTS)]
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        with theirs:
            settings = ChildSettings(
                parent=os.getpid(),
                socket=theirs.fileno(),
                buffers=[buffer.fd for buffer in self._buffers],
                spec=spec,
                limits=limits,
                memory_bytes=memory_bytes,
                decoder=decoder,
            )
            try:
                self._process: subprocess.Popen[bytes] | None = subprocesses.start(
                    "inference.decode.device.child",
                    msgspec.json.encode(settings).decode(),
                    environment=environment,
                    pass_fds=(settings.socket, *settings.buffers),
                )
            except OSError as error:
                self._process = None
                self._finish(f"it could not be started: {error}")
                return
        self.pid = self._process.pid
        self._loop.add_reader(self._socket, self._on_readable)

    async def ready(self) -> None:
        """Wait until it is ready for pictures. Raises DecodersUnavailable if it cannot start."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.shield(self._greeting)
        except TimeoutError:
            self._finish(f"it was not ready after {_START_SECONDS:g} s")
        if self._end is not None:
            raise DecodersUnavailable(
                f"The process that decodes on the device cannot start: {self._end}. Its error output is in the log: "
                "check the driver and the device's free memory, or decode on the CPU (DECODE_DEVICE=cpu)."
            )

    async def decode(self, data: bytes | memoryview) -> Answer:
        """
        A picture's pixels, or None if the device does not take it. Waits for a slot. If cancelled, the slot is free
        again after the child's reply.

        Raises:
            DeviceGone: the process ended, for whatever reason.
        """
        if len(data) > SLOT_BYTES:
            return None
        slot = await self._free.get()
        if self._end is not None:
            self._free.put_nowait(slot)  # wakes the next waiting call
        self._check_not_gone()
        self._buffers[slot].put_picture(data)
        reply: asyncio.Future[Answer] = self._loop.create_future()
        self._replies[slot] = reply
        timer = self._loop.call_later(self._seconds, self._finish, f"a picture took more than {self._seconds:g} s")
        try:
            self._socket.send(bytes([slot]))
            answer = await reply
        except OSError:  # it ended while idle
            self._finish()
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            self._check_not_gone()
        return answer

    def close(self) -> None:
        """End the process and free its resources. Pending calls raise DeviceGone. Idempotent."""
        self._finish("it was closed")

    def _check_not_gone(self) -> None:
        if self._end is not None:
            raise DeviceGone(self._end)

    def _on_readable(self) -> None:
        try:
            replies = self._socket.recv(2 * SLOTS)
        except OSError:
            replies = b""
        if not replies:
            self._finish()
        for reply in replies:
            if self._end is None:
                self._handle(reply)

    def _handle(self, byte: int) -> None:
        slot, is_taken = byte & ~NOT_TAKEN, not byte & NOT_TAKEN
        if byte == READY and not self._greeting.done():
            for number in range(SLOTS):
                self._free.put_nowait(number)
            self._greeting.set_result(None)
        elif slot in self._replies:
            reply, buffer = self._replies.pop(slot), self._buffers[slot]
            if not reply.done():
                reply.set_result(buffer.pixels() if is_taken else None)
            buffer.free_pages(_KEEP_BYTES)
            self.taken += is_taken
            self._free.put_nowait(slot)
        else:  # the process is not to be trusted any more
            self._finish(f"it sent an unexpected reply: {byte}")

    def _finish(self, end: str | None = None) -> None:
        if self._end is not None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        description = "it was not started" if self._process is None else _end(self._process)
        self._end = end or description
        for buffer in self._buffers:
            buffer.close()
        if not self._greeting.done():
            self._greeting.set_result(None)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(None)
        self._free.put_nowait(0)


def _end(process: subprocess.Popen[bytes]) -> str:
    """Kill the process and describe its end. A thread waits for one that the device's driver blocks."""
    process.kill()  # no effect on a process that has ended
    try:
        status = process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="device-decoder-end", daemon=True).start()
        return "it does not end"
    return subprocesses.exit_description(status)
