"""A decode pool that starts its processes at the first picture."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from inference.decode.pool import DecodePool


class LazyDecodePool:
    """For pictures that hung or crashed a decoder before: most workers never need these processes."""

    def __init__(self, pool: DecodePool) -> None:
        """``pool`` must not be started yet; it is closed with this one."""
        self._pool = pool
        self._starting = asyncio.Lock()
        self._has_started = False

    async def decode(self, data: bytes | memoryview) -> NDArray[np.uint8]:
        """As ``DecodePool.decode``; also raises what ``DecodePool.start`` raises."""
        async with self._starting:
            if not self._has_started:
                await self._pool.start()
                self._has_started = True
        return await self._pool.decode(data)

    async def close(self) -> None:
        """As ``DecodePool.close``."""
        await self._pool.close()

    @property
    def cpu_pool(self) -> DecodePool:
        """The underlying pool."""
        return self._pool

    @property
    def replaced(self) -> int:
        """Processes replaced since the start."""
        return self._pool.replaced
