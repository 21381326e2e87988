"""Stores the pictures that the page uploads, in the demo only. Size and concurrency are bounded."""

import asyncio
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.board.objects import PictureStore
from streams.board.pictures import milliseconds
from streams.board.state import Board

CONCURRENT_MAX: Final = 3
TIMEOUT_SECONDS: Final = 60.0
NAME_CHARS_MAX: Final = 1024


class Uploads:
    """
    Takes one file as the body of a request; ``?name=`` is its name in the browser.

    Args:
        store: Writes the objects.
        bucket: The bucket whose notifications start the pipeline.
        board: Shows each upload.
        max_bytes: Largest size of a file.
    """

    def __init__(self, store: PictureStore, bucket: str, board: Board, *, max_bytes: int) -> None:
        self._store = store
        self._bucket = bucket
        self._board = board
        self._max_bytes = max_bytes
        self._at_once = asyncio.Semaphore(CONCURRENT_MAX)

    async def answer(self, request: Request) -> Response:
        """Store the file. The answer has the id under which the page follows it."""
        name = request.query_params.get("name", "")
        if not name or len(name) > NAME_CHARS_MAX:
            raise HTTPException(400, f"A file name has 1 to {NAME_CHARS_MAX} characters.")
        try:
            async with self._at_once, asyncio.timeout(TIMEOUT_SECONDS):
                upload = await self._store.put(self._bucket, name, await self._body(request))
        except TimeoutError:
            raise HTTPException(408, f"The upload took more than {TIMEOUT_SECONDS:.0f} s.") from None
        self._board.sent(upload)
        answer = {"id": upload.id, "key": upload.key, "uploaded": milliseconds(upload.uploaded_at)}
        return Response(msgspec.json.encode(answer), 201, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        stated = request.headers.get("content-length", "")
        if stated.isdecimal() and int(stated[:20]) > self._max_bytes:
            raise self._too_large()
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._max_bytes:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"A file may have at most {self._max_bytes / 1024 / 1024:.0f} MiB.")
