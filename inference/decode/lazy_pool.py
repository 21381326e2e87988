"""Decoding processes that are started by the first picture that needs them."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from inference.decode.pool import DecodePool


class LazyDecodePool:
    """A pool of which most workers never need a process: for pictures that hung or crashed a decoder before."""

    def __init__(self, pool: DecodePool) -> None:
        """``pool`` is not yet started, and closed with this one."""
        self._pool = pool
        self._starting = asyncio.Lock()
        self._has_started = False

    async def decode(self, data: bytes | memoryview) -> NDArray[np.uint8]:
        """As ``DecodePool.decode``; also raises what its ``start`` does."""
        async with self._starting:
            if not self._has_started:
                await self._pool.start()
                self._has_started = True
        return await self._pool.decode(data)

    async def close(self) -> None:
        """As ``DecodePool.close``."""
        await self._pool.close()

    @property
    def usual(self) -> DecodePool:
        """The pool that every rejection comes from."""
        return self._pool

    @property
    def replaced(self) -> int:
        """Processes replaced since the start."""
        return self._pool.replaced
