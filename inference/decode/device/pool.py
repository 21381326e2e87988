"""
Decoding on a device, with the usual pool behind it: whatever the device does not take, or loses, is decoded there.

So nothing that happens to the device is any picture's fault, and none waits for the device to come back.
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
"""That a picture may be with the device, on the clock: a batch takes some hundredths of one."""

_PAUSE_SECONDS: Final = 1.0  # before a process is started anew; twice as long each time, up to
_LONGEST_PAUSE_SECONDS: Final = 300.0
_SETTLED_SECONDS: Final = 600.0  # a process that lived so long has shown that the device is well
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

log = logging.getLogger(__name__)


class DeviceDecodePool:
    """
    A ``DecodePool`` with a process before it that decodes plain JPEGs on a device, many at a time.

    That process is replaced when it dies, hangs or loses the device; meanwhile the usual pool decodes everything.
    Pixels of the two ways differ by what two resamplings differ.

    Attributes:
        usual: the pool behind it, that every rejection comes from.
    """

    def __init__(
        self,
        usual: DecodePool,
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
            usual: not yet started; closed with this one.
            spec: the pixels to make: the usual pool's.
            limits: of the pictures: the usual pool's.
            seconds: on the clock, that a picture may be with the device.
            memory_bytes: address space that the process may take beyond what an open device takes.
            decoder: "module:class", made in the child with ``spec``, ``limits`` and the largest batch.
            environment: what the child sees of the environment; CUDA_VISIBLE_DEVICES says which device it opens.
        """
        self.usual: Final = usual
        self._settings = (spec, limits, seconds, memory_bytes, decoder)
        self._environment = environment
        self._process: DeviceProcess | None = None
        self._mending: asyncio.Task[None] | None = None
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
            await asyncio.gather(self.usual.start(), self._process.ready())
        except BaseException:
            await self.close()
            raise
        return self

    async def decode(self, data: bytes | memoryview) -> NDArray[np.uint8]:
        """As ``DecodePool.decode``."""
        if self._process is not None and (self._mending is None or self._mending.done()):
            try:
                pixels = await self._process.decode(data)
            except DeviceGone as gone:
                self._mend(gone)
            else:
                if pixels is not None:
                    return pixels
        return await self.usual.decode(data)

    async def close(self) -> None:
        """As ``DecodePool.close``."""
        if self._mending is not None:
            self._mending.cancel()
        if self._process is not None:
            self._process.close()
            self._process = None
        await self.usual.close()

    @property
    def replaced(self) -> int:
        """Processes replaced since the start, of the device and of the usual pool."""
        return self._replaced + self.usual.replaced

    @property
    def taken(self) -> int:
        """Pictures that the device process that is there now gave pixels for."""
        return self._process.taken if self._process is not None else 0

    @property
    def pids(self) -> frozenset[int]:
        """The processes' ids, for whoever watches memory."""
        return self.usual.pids | ({self._process.pid} if self._process is not None else frozenset())

    def _new(self) -> DeviceProcess:
        self._started = time.monotonic()
        return DeviceProcess(*self._settings, environment=self._environment)

    def _mend(self, gone: DeviceGone) -> None:
        """Have another process started, once, however many pictures were in the one that is gone."""
        if self._process is not None and (self._mending is None or self._mending.done()):
            log.warning("the process that decodes on the device is gone (%s): the processors decode meanwhile", gone)
            self._mending = asyncio.create_task(self._mended())

    async def _mended(self) -> None:
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
            log.warning("the device decodes again")
            return
