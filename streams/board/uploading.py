"""Pictures that the page puts into the bucket: in the demo, and nowhere else. Bounded in bytes and at once."""

import asyncio
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.board.pictures import milliseconds
from streams.board.state import Board
from streams.board.store import PictureStore

AT_ONCE: Final = 3
SLOWEST_SECONDS: Final = 60.0
NAME_MAX: Final = 1024


class Uploading:
    """
    Takes the bytes of one file as the body of a request; ``?name=`` is what the browser calls it.

    Args:
        store: Where they go.
        bucket: The bucket whose notifications start the pipeline.
        board: Is told of each.
        max_bytes: Of one file.
    """

    def __init__(self, store: PictureStore, bucket: str, board: Board, *, max_bytes: int) -> None:
        self._store = store
        self._bucket = bucket
        self._board = board
        self._max_bytes = max_bytes
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def answer(self, request: Request) -> Response:
        """Store it, and say by which id its way can be followed."""
        name = request.query_params.get("name", "")
        if not name or len(name) > NAME_MAX:
            raise HTTPException(400, "A file has a name, and not a whole book for one.")
        try:
            async with self._at_once, asyncio.timeout(SLOWEST_SECONDS):
                upload = await self._store.put(self._bucket, name, await self._body(request))
        except TimeoutError:
            raise HTTPException(408, "This took too long.") from None
        self._board.sent(upload)
        answer = {"id": upload.id, "key": upload.key, "uploaded": milliseconds(upload.uploaded_at)}
        return Response(msgspec.json.encode(answer), 201, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told[:20]) > self._max_bytes:
            raise self._too_large()
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._max_bytes:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"At most {self._max_bytes / 1024 / 1024:.0f} MiB are taken.")
