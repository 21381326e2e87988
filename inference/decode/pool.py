"""
Decodes in child processes, so that a crash, a hang or a memory bomb in a C decoder costs only one picture.

The pools of the standard library and pebble are not used: they import the main module in every child (torch, 300 MB),
unpickle a child's replies (a compromised decoder could send code), and cost more per picture.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from inference.decode import Limits
from inference.decode.adaptive_timeout import AdaptiveTimeout
from inference.decode.forkserver import ForkServer
from inference.decode.process import DecodeProcess, DecoderDied
from inference.errors import DecodersUnavailable, RejectedImage
from inference.manifest import InputSpec

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
CLOCK_FACTOR: Final = 4.0  # wall-clock seconds per second of CPU time, for a busy machine
MEMORY_BYTES: Final = 1536 * 1024 * 1024  # 100 megapixels as RGBA, twice (WebP and HEIC hold a copy while decoding)


class DecodePool:
    """
    ``workers`` decoding processes, used from one event loop.

    A process that dies is replaced at once. Its picture is tried once more in a fresh process, and rejected only if
    that one dies too. So no picture is rejected for memory that another one corrupted, or for a process that the system
    killed.

    Attributes:
        replaced: processes replaced since the start.
    """

    def __init__(
        self,
        workers: int,
        spec: InputSpec,
        limits: Limits,
        seconds: float = 20.0,
        memory_bytes: int = MEMORY_BYTES,
        *,
        timeout: AdaptiveTimeout | None = None,
        tries_again: bool = True,
        fresh_for_each: bool = False,
        decoder: str = "inference.decode:decode",
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        """
        Args:
            workers: number of processes, at least 1.
            spec: the pixels to make.
            limits: of the pictures.
            seconds: limit of CPU time per picture.
            memory_bytes: limit of address space per picture.
            timeout: limit of wall-clock time per picture; by default ``CLOCK_FACTOR`` times ``seconds``.
            tries_again: whether a picture is tried once more in a fresh process. If not, the caller must make sure that
                no picture is rejected for what another one did to the process.
            fresh_for_each: whether each picture gets a fresh process. A picture that hangs is tried once then.
            decoder: "module:function" with the signature of ``decode.decode``, imported by the children.
            environment: the children's environment variables; they inherit no others.
        """
        self._workers = workers
        self._limits = limits
        self._side, self._seconds = spec.size, seconds
        self._settings = (spec, replace(limits, max_memory_bytes=memory_bytes), seconds, memory_bytes, decoder)
        self._timeout = timeout or AdaptiveTimeout(CLOCK_FACTOR * seconds, CLOCK_FACTOR * seconds)
        self._tries_again = tries_again
        self._fresh_for_each = fresh_for_each
        self._environment = environment
        self._server: ForkServer | None = None
        self._idle: asyncio.Queue[DecodeProcess] = asyncio.Queue()
        self._all: set[DecodeProcess] = set()
        self._open = False
        self.replaced = 0

    async def start(self) -> Self:
        """
        Start the processes and wait until they are ready. The event loop's thread must outlive the pool, since on Linux
        children end with the thread that started them.

        Raises:
            DecodersUnavailable: the processes cannot be started.
        """
        self._open = True
        self._idle, self._all = asyncio.Queue(), set()  # those of a start that failed are closed
        try:
            for _ in range(self._workers):
                self._idle.put_nowait(self._add())
            await asyncio.gather(*(process.ready() for process in self._all))
        except BaseException:
            await self.close()
            raise
        return self

    async def decode(self, data: bytes | memoryview) -> NDArray[np.uint8]:
        """
        As ``decode.decode``, in a process; waits for a free one. If cancelled, the process is replaced.

        Raises:
            RejectedImage: with ``decoder_crashed`` if the picture crashed its process, hung, or ran out of memory.
            DecodersUnavailable: the pool is closed, or its processes cannot be started.
        """
        if len(data) > self._limits.max_bytes:  # ``decode`` checks it too, but the buffer has no more room
            raise RejectedImage("too_many_bytes", f"{len(data)} bytes, at most {self._limits.max_bytes} are taken")
        process = await self._idle.get()
        loop = asyncio.get_running_loop()
        try:
            # A process that is not usable died while idle, perhaps killed for lack of memory.
            if self._open and (not process.usable or (self._fresh_for_each and process.pictures)):
                process = self._replace(process)
            while True:
                self._check_open()
                await process.ready()
                fresh, began = process.pictures == 0, loop.time()
                try:
                    return await process.decode(data, self._timeout.seconds)
                except DecoderDied as died:
                    self._check_open()
                    self._timeout.record_loss(loop.time() - began)
                    if fresh or not self._tries_again:
                        raise RejectedImage("decoder_crashed", str(died)) from died
                process = self._replace(process)
        finally:
            if self._open and not process.usable:
                with suppress(DecodersUnavailable):  # the next picture tries again, so the pool does not shrink
                    process = self._replace(process)
            self._idle.put_nowait(process)

    async def close(self) -> None:
        """End all processes at once. Pending calls raise DecodersUnavailable. Idempotent."""
        self._open = False
        for process in self._all:
            process.close()
        if self._server is not None:
            self._server.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def cpu_pool(self) -> Self:
        """This pool. See DeviceDecodePool.cpu_pool."""
        return self

    @property
    def pids(self) -> frozenset[int]:
        """The ids of the processes, for measuring memory."""
        return frozenset(process.pid for process in self._all)

    def _replace(self, process: DecodeProcess) -> DecodeProcess:
        process.close()
        new = self._add()
        self._all.discard(process)
        self.replaced += 1
        return new

    def _add(self) -> DecodeProcess:
        try:
            if self._server is None or not self._server.is_alive:
                if self._server is not None:
                    self._server.close()
                self._server = ForkServer(*self._settings, environment=self._environment)
            process = DecodeProcess(self._server, self._side, self._limits.max_bytes, self._seconds)
        except OSError as error:
            raise DecodersUnavailable(
                f"A decoding process cannot be started: {error}. Check the limits on open files."
            ) from error
        self._all.add(process)
        return process

    def _check_open(self) -> None:
        if not self._open:
            raise DecodersUnavailable("The decode pool is closed.")
