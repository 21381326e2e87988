"""
An HTTP proxy in front of a store or a queue that misbehaves on demand: it answers with errors, dawdles, ends an answer
half-way, refuses connections.

One request a connection, and what it does not mean to change passes byte for byte: signatures and odd keys survive.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Protocol, Self

from tests.loop_thread import LoopThread, close, settled
from tests.proxy import LOOPBACK

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d+)")
_PIECES = 8


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer; ``head`` is its first line and its headers, without the empty line."""

    head: bytes
    body: bytes = b""

    def with_body(self, body: bytes) -> "Message":
        """The same with another body, and the length said anew."""
        return Message(_LENGTH.sub(b"Content-Length: %d" % len(body), self.head), body)


Ask = Callable[[Message], Awaitable[Message]]


class Behaviour(Protocol):
    """What is done with a request."""

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """Answer the client; ``ask`` gives the server's answer. The connection is closed afterwards."""


class Honest:
    """The server's answer."""

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        await send(client, await ask(request))


@dataclass(frozen=True, slots=True)
class Answers:
    """The same error for everything, without asking the server; ``code`` is S3's word for it."""

    status: int
    code: str

    async def exchange(self, _request: Message, _ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        body = f"<?xml version='1.0'?><Error><Code>{self.code}</Code><Message>on purpose</Message></Error>".encode()
        line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"
        head = f"{line}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
        await send(client, Message(head.encode(), body))


@dataclass(frozen=True, slots=True)
class Slow:
    """The head at once, the body in drops over so many seconds."""

    seconds: float

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        answer = await ask(request)
        await send(client, Message(answer.head))
        size = max(1, len(answer.body) // _PIECES)
        for start in range(0, len(answer.body), size):
            await asyncio.sleep(self.seconds / _PIECES)
            client.write(answer.body[start : start + size])
            await client.drain()


@dataclass(frozen=True, slots=True)
class CutShort:
    """Half of the body that was promised; then the connection ends."""

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        answer = await ask(request)
        await send(client, Message(answer.head, answer.body[: len(answer.body) // 2]))


class Silent:
    """Keeps whoever asks waiting, without a word."""

    async def exchange(self, _request: Message, _ask: Ask, _client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Stalls:
    """The head of a large object, and as many of its bytes as are said; then nothing more."""

    stated: int
    sent: int

    async def exchange(self, _request: Message, _ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        dated = 'Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nETag: "e"'
        head = f"HTTP/1.1 200 OK\r\n{dated}\r\nContent-Length: {self.stated}"
        await send(client, Message(head.encode(), bytes(self.sent)))
        await asyncio.Event().wait()


class HttpFaults:
    """
    Forwards a loopback port of its own to a server, from a thread of its own. Methods may be called from any.

    Args:
        url: of the server, ``http://host:port``.
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.rstrip("/").removeprefix("http://").rpartition(":")
        self._target = (host, int(port))
        self._port = 0
        self._behaviour: Behaviour = Honest()
        self._of_objects: dict[bytes, Behaviour] = {}
        self._thread = LoopThread()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._in_hand: list[Behaviour] = []
        self.misbehaved = 0
        """How many requests have met a behaviour other than honest."""

    @property
    def url(self) -> str:
        """Where to find the server through this proxy."""
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._thread.run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.run(self._close())
        self._thread.stop()

    def behave(self, behaviour: Behaviour) -> None:
        """Treat all requests so from now on."""
        self._thread.do(lambda: setattr(self, "_behaviour", behaviour))

    def has_settled(self) -> bool:
        """Whether no request is still being answered in another way than all are from now on."""
        return self._thread.run(self._has_settled())

    async def _has_settled(self) -> bool:
        return all(each is self._behaviour for each in self._in_hand)

    def always(self, part: str, behaviour: Behaviour) -> None:
        """Treat requests so whose path has this in it, whatever is done with the others, from now on."""
        self._thread.do(lambda: self._of_objects.update({part.encode(): behaviour}))

    def refuse(self) -> None:
        """Refuse connections, and break those that are open."""
        self._thread.run(self._close())

    def mend(self) -> None:
        """Be honest, and accept connections, at the same port."""
        self.behave(Honest())
        self._thread.run(self._listen())

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            await close(self._server)
            self._server = None
        while self._connections:
            for connection in self._connections:
                connection.cancel()
            await asyncio.wait(self._connections)
            await settled()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: writer.close())  # one that is cancelled before it begins closes nothing itself

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            # Either side may go at any time: the server by a fault, the client by kill -9.
            with suppress(OSError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                behaviour = self._behaviour_for(head.partition(b"\r\n")[0])
                self.misbehaved += not isinstance(behaviour, Honest)
                self._in_hand.append(behaviour)
                try:
                    await behaviour.exchange(Message(head, body), self._ask, client)
                finally:
                    self._in_hand.remove(behaviour)
        except asyncio.CancelledError:
            client.transport.abort()

    def _behaviour_for(self, first_line: bytes) -> Behaviour:
        found = (its for part, its in self._of_objects.items() if part in first_line)
        return next(found, self._behaviour)

    async def _ask(self, request: Message) -> Message:
        reader, writer = await asyncio.open_connection(*self._target)
        try:
            await send(writer, request)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        return Message(head, body)


async def send(writer: asyncio.StreamWriter, message: Message) -> None:
    """Write a message that ends its connection."""
    head = re.sub(rb"(?im)^connection:.*\r\n", b"", message.head + b"\r\n")
    writer.write(head + b"Connection: close\r\n\r\n" + message.body)
    await writer.drain()
