"""
Decodes on a device, and on the CPU pool whatever the device does not take or loses.

So no picture is rejected for a fault of the device, and none waits until the device is back.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from inference.decode import Limits
from inference.decode.device.process import DeviceGone, DeviceProcess
from inference.decode.pool import MEMORY_BYTES, DecodePool
from inference.errors import DecodersUnavailable
from inference.manifest import InputSpec

DEVICE_SECONDS: Final = 10.0
"""Wall-clock limit per picture on the device. A batch takes hundredths of a second."""

_PAUSE_SECONDS: Final = 1.0  # before a restart; doubles each time
_LONGEST_PAUSE_SECONDS: Final = 300.0
_SETTLED_SECONDS: Final = 600.0  # after this long without an end, the pause is reset
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

log = logging.getLogger(__name__)


class DeviceDecodePool:
    """
    A ``DecodePool`` plus a process that decodes plain JPEGs on a device, many at a time.

    The process is replaced when it dies, hangs or loses the device. Meanwhile the CPU pool decodes everything. The
    pixels of the two differ slightly, since they resample differently.

    Attributes:
        cpu_pool: decodes everything else, and makes every rejection.
    """

    def __init__(
        self,
        cpu_pool: DecodePool,
        spec: InputSpec,
        limits: Limits,
        *,
        seconds: float = DEVICE_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        decoder: str = "inference.decode.device.batch:DeviceDecoder",
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        """
        Args:
            cpu_pool: not yet started; closed with this one.
            spec: the pixels to make, as of ``cpu_pool``.
            limits: of the pictures, as of ``cpu_pool``.
            seconds: wall-clock limit per picture on the device.
            memory_bytes: limit of address space, beyond what an open device takes.
            decoder: "module:class", created in the child with ``spec``, ``limits`` and the largest batch.
            environment: the child's environment variables; CUDA_VISIBLE_DEVICES selects the device.
        """
        self.cpu_pool: Final = cpu_pool
        self._settings = (spec, limits, seconds, memory_bytes, decoder)
        self._environment = environment
        self._process: DeviceProcess | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._pause = _PAUSE_SECONDS
        self._started = 0.0
        self._replaced = 0

    async def start(self) -> Self:
        """
        Start all processes and wait until they are ready.

        Raises:
            DecodersUnavailable: if they cannot be started.
        """
        self._process = self._new()
        try:
            await asyncio.gather(self.cpu_pool.start(), self._process.ready())
        except BaseException:
            await self.close()
            raise
        return self

    async def decode(self, data: bytes | memoryview) -> NDArray[np.uint8]:
        """As ``DecodePool.decode``."""
        if self._process is not None and (self._restarting is None or self._restarting.done()):
            try:
                pixels = await self._process.decode(data)
            except DeviceGone as gone:
                self._restart(gone)
            else:
                if pixels is not None:
                    return pixels
        return await self.cpu_pool.decode(data)

    async def close(self) -> None:
        """As ``DecodePool.close``."""
        if self._restarting is not None:
            self._restarting.cancel()
        if self._process is not None:
            self._process.close()
            self._process = None
        await self.cpu_pool.close()

    @property
    def replaced(self) -> int:
        """Processes replaced since the start, of the device and of the CPU pool."""
        return self._replaced + self.cpu_pool.replaced

    @property
    def taken(self) -> int:
        """Pictures decoded by the current device process."""
        return self._process.taken if self._process is not None else 0

    @property
    def pids(self) -> frozenset[int]:
        """The ids of the processes, for measuring memory."""
        return self.cpu_pool.pids | ({self._process.pid} if self._process is not None else frozenset())

    def _new(self) -> DeviceProcess:
        self._started = time.monotonic()
        return DeviceProcess(*self._settings, environment=self._environment)

    def _restart(self, gone: DeviceGone) -> None:
        """Start another process, once, however many pictures were in the one that ended."""
        if self._process is not None and (self._restarting is None or self._restarting.done()):
            log.warning("the process that decodes on the device ended (%s): decoding on the CPU meanwhile", gone)
            self._restarting = asyncio.create_task(self._restart_until_ready())

    async def _restart_until_ready(self) -> None:
        if time.monotonic() - self._started > _SETTLED_SECONDS:
            self._pause = _PAUSE_SECONDS
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
            process = self._process = self._new()
            self._replaced += 1
            try:
                await process.ready()
            except DecodersUnavailable as error:
                log.warning("%s", error)
                continue
            log.warning("decoding on the device again")
            return
