"""Server-sent events: each viewer is told what changed, a few times a second at most, and holds nothing here."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
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
"""At most so often: a thousand results a second are six or seven frames for a browser, not a thousand."""
PING_SECONDS: Final = 15
STUCK_SECONDS: Final = 20.0
"""A viewer that takes nothing for so long is let go; its browser comes back by itself."""
RETRY_MS: Final = 2000

_encoder: Final = msgspec.json.Encoder()

log = structlog.get_logger()


class Feed:
    """
    The viewers of a board.

    Args:
        board: What they look at.
        viewers_max: One more is told to come back later.
    """

    def __init__(self, board: Board, viewers_max: int) -> None:
        self._board = board
        self._viewers_max = viewers_max
        self._epoch = secrets.token_hex(4)
        self._closing = False
        self.viewers = 0

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks."""
        return self.viewers > 0

    def close(self) -> None:
        """Let every viewer go."""
        self._closing = True

    async def answer(self, request: Request) -> Response:
        """A stream for one viewer; one that comes back says how far it was told."""
        if self.viewers >= self._viewers_max or self._closing:
            return JSONResponse({"error": "as many viewers as BOARD_VIEWERS_MAX allows"}, 503, {"retry-after": "10"})
        after = self._revision(request.headers.get("last-event-id") or request.query_params.get("after", ""))
        # Counted here and not in the stream: all streams that are promised, also those that have not begun.
        self.viewers += 1
        return _Stream(self._events(after), self._one_less)

    async def _events(self, after: int) -> AsyncIterator[ServerSentEvent]:
        told = b""
        first = True
        while not self._closing:
            frame = self._board.frame(after, datetime.now(UTC))
            how_it_is = _encoder.encode((frame.condition, frame.tempo))
            if first or frame.pictures or frame.missed or how_it_is != told:
                yield self._event(frame, retry=RETRY_MS if first else None)
                after, told, first = frame.revision, how_it_is, False
            await asyncio.sleep(FRAME_SECONDS)

    def _event(self, frame: Frame, *, retry: int | None) -> ServerSentEvent:
        return ServerSentEvent(_encoder.encode(frame).decode(), id=f"{self._epoch}.{frame.revision}", retry=retry)

    def _revision(self, last: str) -> int:
        """How far a viewer was told; 0 where that was another process, since revisions begin anew with each."""
        epoch, _, revision = last.partition(".")
        if epoch != self._epoch or not revision.isdecimal() or len(revision) > len(str(self._board.revision)):
            return 0
        return min(int(revision), self._board.revision)

    def _one_less(self) -> None:
        self.viewers -= 1


class _Stream(EventSourceResponse):
    """A stream that tells when it has ended, however it did."""

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
