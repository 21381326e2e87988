"""Server-sent events: sends each viewer what changed, a few times a second. The server keeps no queue per viewer."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from math import inf
from typing import Final

import msgspec
import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from streams.board.state import Board, Frame

FRAME_SECONDS: Final = 0.15
"""Least time between two frames: a thousand results a second are six or seven frames for a browser."""
QUIET_SECONDS: Final = 5.0
"""Most time between two frames: a page that gets none for longer knows that the board is frozen or out of reach."""
PING_SECONDS: Final = 15
STUCK_SECONDS: Final = 20.0
"""A viewer that reads nothing for this long is disconnected. Its browser reconnects by itself."""
RETRY_MS: Final = 2000

_encoder: Final = msgspec.json.Encoder()

log = structlog.get_logger()


class Feed:
    """
    The viewers of a board.

    Args:
        board: The source of the frames.
        viewers_max: Further viewers get status 503.
    """

    def __init__(self, board: Board, viewers_max: int) -> None:
        self._board = board
        self._viewers_max = viewers_max
        self._epoch = secrets.token_hex(4)
        self._closing = False
        self.viewers = 0

    @property
    def is_watched(self) -> bool:
        """Whether there is any viewer."""
        return self.viewers > 0

    def close(self) -> None:
        """End every stream, and refuse new ones."""
        self._closing = True

    async def answer(self, request: Request) -> Response:
        """A stream for one viewer. A viewer that reconnects continues at its last revision."""
        if self.viewers >= self._viewers_max or self._closing:
            return JSONResponse({"error": "as many viewers as BOARD_VIEWERS_MAX allows"}, 503, {"retry-after": "10"})
        after = self._revision(request.headers.get("last-event-id") or request.query_params.get("after", ""))
        # Counted here and not in the stream, so that streams that have not begun count too.
        self.viewers += 1
        return _Stream(self._events(after), self._viewer_left)

    async def _events(self, after: int) -> AsyncIterator[ServerSentEvent]:
        sent_condition, sent_at = b"", -inf
        is_first = True
        while not self._closing:
            frame = self._board.frame(after, datetime.now(UTC))
            condition = _encoder.encode((frame.condition, frame.throughput))
            is_due = time.monotonic() - sent_at >= QUIET_SECONDS
            if is_due or frame.pictures or frame.missed or condition != sent_condition:
                yield self._event(frame, retry=RETRY_MS if is_first else None)
                after, sent_condition, is_first = frame.revision, condition, False
                sent_at = time.monotonic()
            await asyncio.sleep(FRAME_SECONDS)

    def _event(self, frame: Frame, *, retry: int | None) -> ServerSentEvent:
        return ServerSentEvent(_encoder.encode(frame).decode(), id=f"{self._epoch}.{frame.revision}", retry=retry)

    def _revision(self, last: str) -> int:
        """The last revision that a viewer has; 0 if it is another process's, since each process counts its own."""
        epoch, _, revision = last.partition(".")
        if epoch != self._epoch or not revision.isdecimal() or len(revision) > len(str(self._board.revision)):
            return 0
        return min(int(revision), self._board.revision)

    def _viewer_left(self) -> None:
        self.viewers -= 1


class _Stream(EventSourceResponse):
    """A stream that calls ``on_end`` once, however it ends."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], on_end: Callable[[], None]) -> None:
        super().__init__(events, ping=PING_SECONDS, send_timeout=STUCK_SECONDS)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("board.viewer_stuck")
        finally:
            self._on_end()
