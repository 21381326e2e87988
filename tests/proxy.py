"""A TCP proxy that misbehaves on demand: it cuts connections, falls silent, withholds answers, leads elsewhere."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.loop_thread import LoopThread, close, settled

LOOPBACK = "127.0.0.1"
_CHUNK_BYTES = 64 * 1024


class TcpProxy:
    """Forwards a loopback port of its own to a server, from a thread of its own. Methods may be called from any."""

    def __init__(self, host: str, port: int) -> None:
        self.host = LOOPBACK
        self.port = 0
        self.accepted = 0
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = LoopThread()
        self._asks = asyncio.Event()
        self._answers = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._thread.run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.run(self._close())
        self._thread.stop()

    def cut(self) -> None:
        """Reset every connection, in whatever it is doing."""
        self._thread.do(self._abort)

    def freeze(self) -> None:
        """Forward nothing, as a network that drops every packet."""
        self._thread.do(self._asks.clear)
        self._thread.do(self._answers.clear)

    def withhold_answers(self) -> None:
        """Let the server hear and do everything, and the client learn of nothing."""
        self._thread.do(self._answers.clear)

    def thaw(self) -> None:
        """Forward again, starting with what was held."""
        self._thread.do(self._asks.set)
        self._thread.do(self._answers.set)

    def redirect(self, host: str, port: int) -> None:
        """Lead new connections to another server, as a name does after a failover."""
        self._target = (host, port)

    async def _listen(self) -> asyncio.Server:
        self._asks.set()
        self._answers.set()
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = self._thread.loop.create_task(self._connect(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            answers, asks = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(asks)
        try:
            ways = (_forward(reader, asks, self._asks), _forward(answers, writer, self._answers))
            await asyncio.wait([self._thread.loop.create_task(way) for way in ways], return_when=asyncio.ALL_COMPLETED)
        finally:
            for end in (writer, asks):
                end.transport.abort()
                self._writers.discard(end)

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _close(self) -> None:
        await close(self._server)
        self._asks.set()
        self._answers.set()
        while self._connections:
            self._abort()
            await asyncio.wait(self._connections, timeout=0.1)
            await settled()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_pass: asyncio.Event) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            await may_pass.wait()
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
