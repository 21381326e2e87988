"""The HTTP routes of the page. They only read, unless uploads are enabled."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, get_args
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persistence.errors import PersistenceError
from persistence.keyset import NEWEST, Cursor
from persistence.rejection_reads import RejectionFilter
from persistence.selection import InvalidSelection, Selection
from streams.board.assets import Assets
from streams.board.feed import Feed
from streams.board.guard import PICTURE_POLICY
from streams.board.history import History, Span
from streams.board.objects import NoPictureError, ObjectVersion
from streams.board.queries import COLUMNS, CSV_COLUMNS, PAGE_ROWS_MAX, NoDatabaseError, Queries
from streams.board.renditions import Renditions
from streams.board.uploads import Uploads

PAGE_ROWS: Final = 50
NUMBER_CHARS: Final = 20
PICTURE_SECONDS: Final = 300
"""A browser keeps a picture for so long before it asks whether it changed."""
REFUSAL_SECONDS: Final = 5
"""And why there is none: the page asks a second time, for the reason."""

_encode: Final = msgspec.json.Encoder().encode


class About(msgspec.Struct, frozen=True):
    """The enabled features. The page hides the others."""

    database: bool
    pictures: bool
    uploads: bool
    upload_max_bytes: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes answer from; None: not enabled."""

    feed: Feed
    queries: Queries
    history: History
    about: About
    thumbnails: Renditions | None = None
    enlarged: Renditions | None = None
    uploads: Uploads | None = None


def application(parts: Parts) -> Starlette:
    """The application with all routes. Put it behind a Guard."""
    answers, assets = _Answers(parts), Assets()
    routes = [
        Route("/", assets.page),
        Route("/assets/{name}", assets.file),
        Route("/api/about", answers.about),
        Route("/api/events", parts.feed.answer),
        Route("/api/history/{span}", answers.history),
        Route("/api/records", answers.records),
        Route("/api/records.csv", answers.records_csv),
        Route("/api/records/total", answers.records_total),
        Route("/api/rejections", answers.rejections),
        Route("/api/rejections.csv", answers.rejections_csv),
        Route("/api/rejections/total", answers.rejections_total),
        Route("/api/pictures/{id}", answers.details),
        Route("/thumbnails/{id}", answers.thumbnail),
        Route("/pictures/{id}", answers.picture),
    ]
    if parts.uploads is not None:
        routes.append(Route("/api/uploads", parts.uploads.answer, methods=["POST"]))
    return Starlette(
        routes=routes,
        middleware=[Middleware(GZipMiddleware, compresslevel=6)],  # leaves pictures and event streams as they are
        exception_handlers={
            HTTPException: _http_error,
            InvalidSelection: _error_answer(400),
            NoDatabaseError: _error_answer(404),
            NoPictureError: _no_picture,
            PersistenceError: _database_away,
        },
    )


class _Answers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def about(self, _request: Request) -> Response:
        return _json(self._parts.about)

    async def history(self, request: Request) -> Response:
        span: Span | None = next((each for each in get_args(Span) if each == request.path_params["span"]), None)
        if span is None:
            raise HTTPException(404, f"There is a history of: {', '.join(get_args(Span))}.")
        return _json(self._parts.history.view(span, datetime.now(UTC)))

    async def records(self, request: Request) -> Response:
        selection = _selection(request, COLUMNS)
        after = _after(request)
        cursor = selection.cursor(after) if after else None
        return _json(await self._parts.queries.records(selection, cursor, _limit(request)))

    async def records_csv(self, request: Request) -> Response:
        return _csv("records", await self._parts.queries.records_csv(_selection(request, CSV_COLUMNS)))

    async def records_total(self, request: Request) -> Response:
        return _json(await self._parts.queries.records_total(_selection(request, COLUMNS)))

    async def rejections(self, request: Request) -> Response:
        after = _after(request)
        cursor = Cursor.from_text(after) if after else None
        return _json(await self._parts.queries.rejections(_rejection_filter(request), cursor, _limit(request)))

    async def rejections_csv(self, request: Request) -> Response:
        return _csv("rejections", await self._parts.queries.rejections_csv(_rejection_filter(request)))

    async def rejections_total(self, request: Request) -> Response:
        return _json(await self._parts.queries.rejections_total(_rejection_filter(request)))

    async def details(self, request: Request) -> Response:
        found = await self._parts.queries.details(_id(request))
        if found is None:
            raise HTTPException(404, "This picture is unknown.")
        return _json(found)

    async def thumbnail(self, request: Request) -> Response:
        return await self._rendition(request, self._parts.thumbnails)

    async def picture(self, request: Request) -> Response:
        return await self._rendition(request, self._parts.enlarged)

    async def _rendition(self, request: Request, renditions: Renditions | None) -> Response:
        if renditions is None:
            raise HTTPException(404, "Pictures are disabled (BOARD_PICTURES).")
        place = await self._parts.queries.place(_id(request))
        if place is None:
            raise HTTPException(404, "This picture is unknown.")
        jpeg = await renditions.jpeg(ObjectVersion(*place))
        tag = f'"{hashlib.sha256(jpeg).hexdigest()[:16]}"'
        headers = {
            "cache-control": f"private, max-age={PICTURE_SECONDS}",
            "content-security-policy": PICTURE_POLICY,
            "content-disposition": "inline",
            "etag": tag,
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(jpeg, headers=headers, media_type="image/jpeg")


def _json(value: object, status: int = 200) -> Response:
    return Response(_encode(value), status, media_type="application/json")


def _csv(name: str, text: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="petstream-{name}.csv"'}
    return Response(text.encode("utf-8-sig"), headers=headers, media_type="text/csv")  # Excel reads the mark


def _id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise HTTPException(404, "A picture's id is a UUID.") from None


def _selection(request: Request, columns: tuple[str, ...]) -> Selection:
    asked = request.query_params
    return Selection(
        name_part=_name_part(asked.get("name")),
        order=asked.get("sort") or NEWEST,
        outcome=asked.get("class") or None,
        reason=asked.get("reason") or None,
        since=_moment(request, "since"),
        until=_moment(request, "until"),
        confidence_below=_confidence(asked.get("below")),
        columns=columns,
    )


def _rejection_filter(request: Request) -> RejectionFilter:
    asked = request.query_params
    return RejectionFilter(
        reasons=tuple(filter(None, asked.get("reason", "").split(","))),
        name_part=_name_part(asked.get("name")),
        order=asked.get("sort") or NEWEST,
        since=_moment(request, "since"),
        until=_moment(request, "until"),
    )


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.utcoffset() is None else moment.astimezone(UTC)  # a selection refuses the first
    except (ValueError, OverflowError):
        raise InvalidSelection(f"{name} is a time such as 2026-03-01T12:00:00Z") from None


def _confidence(text: str | None) -> Decimal | None:
    try:
        return Decimal(text[:NUMBER_CHARS]) if text else None
    except InvalidOperation:
        raise InvalidSelection("below is a number such as 0.9") from None


def _after(request: Request) -> str | None:
    """The cursor; without one, a page is the first."""
    return request.query_params.get("after") or None


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE_ROWS))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= PAGE_ROWS_MAX):  # noqa: PLR2004
        raise InvalidSelection(f"a page holds 1 to {PAGE_ROWS_MAX} rows")
    return int(text)


def _name_part(text: str | None) -> str | None:
    """The part of a name to filter by. Refuses text that PostgreSQL cannot store."""
    part = (text or "").strip()
    if "\0" in part or any("\ud800" <= char <= "\udfff" for char in part):
        raise InvalidSelection("no name has such characters")
    return part or None


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": error.detail}, error.status_code)


def _error_answer(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_request: Request, error: Exception) -> Response:
        return _json({"error": str(error)}, status)

    return answer


async def _no_picture(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NoPictureError)
    answer = _json({"error": str(error)}, error.status)
    answer.headers["cache-control"] = f"private, max-age={REFUSAL_SECONDS}"
    return answer


async def _database_away(_request: Request, _error: Exception) -> Response:
    """The driver's message is not shown: it names hosts and users."""
    return _json({"error": "The database does not answer. Live still shows the results from Kafka."}, 503)
