"""What the page may be asked without a database, a store or a stream that ends."""

import gzip
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import streams.board
from persistence.selection import UNSURE_BELOW
from streams.board.feed import Feed
from streams.board.guard import LOCAL_NAMES, Guard
from streams.board.objects import (
    NoPictureError,
    ObjectVersion,
    PictureStore,
    StoredObject,
    UnavailableError,
    _file_name,
)
from streams.board.queries import Queries
from streams.board.rendition_cache import RenditionCache
from streams.board.renditions import Renditions
from streams.board.routes import About, Parts, application
from streams.board.state import Board
from streams.board.uploads import Uploads
from streams.contracts.identity import NO_SEQUENCER
from streams.notifications.upload import ImageUploaded
from tests.asgi import ask
from tests.board_events import NOON, after, classified

STATIC = Path(streams.board.__file__).parent / "static"
OWN = {"origin": "http://127.0.0.1:8480", "sec-fetch-site": "same-origin"}


class Store(PictureStore):
    """Holds what it is given; gives one picture."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    async def read(self, place: ObjectVersion, etag: str = "") -> StoredObject | None:
        if place.key.endswith(".gone"):
            raise NoPictureError("the store did not return it: NoSuchKey")
        if place.key.endswith(".away"):
            raise UnavailableError("the store does not answer")
        return StoredObject(b"TIFF", "e")

    async def put(self, bucket: str, name: str, data: bytes) -> ImageUploaded:
        self.taken.append((name, data))
        return ImageUploaded(bucket, f"uploads/you/{name}", NOON, NO_SEQUENCER)


class Decoder:
    async def render(self, data: bytes) -> bytes:
        return b"small " + data


def app(board: Board | None = None, *, store: Store | None = None, uploads: bool = False, shows: bool = True) -> Guard:
    board = Board(100) if board is None else board  # an empty one is falsy
    store = store or Store()
    renditions = Renditions(store, Decoder(), RenditionCache(1_000_000), at_once=2, waiting_max=10)
    parts = Parts(
        feed=Feed(board, 2),
        queries=Queries(None, board),
        history=board.history,
        about=About(database=False, pictures=shows, uploads=uploads, upload_max_bytes=10),
        thumbnails=renditions if shows else None,
        enlarged=renditions if shows else None,
        uploads=Uploads(store, "pictures", board, max_bytes=10) if uploads else None,
    )
    return Guard(application(parts), LOCAL_NAMES)


def board_with(key: str) -> tuple[Board, UUID]:
    board = Board(100)
    board.decided(classified(key), after(260))
    return board, classified(key).id


async def test_the_page_and_all_that_it_loads_are_there_and_nothing_comes_from_elsewhere() -> None:
    page = await ask(app(), "GET", "/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    wanted = set(re.findall(r'(?:src|href)="(/[^"]*)"', page.text))
    assert "/assets/main.js" in wanted
    for target in wanted:
        assert (await ask(app(), "GET", target)).status == 200, target
    for file in STATIC.iterdir():
        text = file.read_text("utf-8")
        found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"']*", text)
        assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name
        for name in re.findall(r'from "\./([^"]+)"', text):
            assert (STATIC / name).exists(), name


def test_no_script_parses_markup_and_no_markup_has_scripts_or_styles_in_it() -> None:
    for file in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", file.read_text()
        )
    page = (STATIC / "board.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", page)


def test_the_filter_of_confidence_names_the_unsure_ones() -> None:
    page = (STATIC / "board.html").read_text()
    assert f'<option value="{UNSURE_BELOW}">{UNSURE_BELOW:.0%} (unsure)</option>'.replace("%", " %") in page


async def test_an_asset_that_is_unchanged_is_not_sent_again() -> None:
    first = await ask(app(), "GET", "/assets/board.css")
    again = await ask(app(), "GET", "/assets/board.css", {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", ["../routes.py", "..%2froutes.py", "routes.py", "board.css/x", "__init__.py", ""])
async def test_nothing_but_the_pages_own_files_can_be_asked_for(name: str) -> None:
    answer = await ask(app(), "GET", f"/assets/{name}")
    assert answer.status == 404
    assert b"import" not in answer.body


@pytest.mark.parametrize("size", ["thumbnails", "pictures"])
async def test_a_picture_is_sent_small_sandboxed_and_as_what_it_is(size: str) -> None:
    board, id_ = board_with("uploads/ann/cat.tif")
    answer = await ask(app(board), "GET", f"/{size}/{id_}")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"small TIFF", "image/jpeg")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_picture_that_is_unchanged_is_not_sent_again() -> None:
    board, id_ = board_with("uploads/ann/cat.jpg")
    page = app(board)
    first = await ask(page, "GET", f"/thumbnails/{id_}")
    again = await ask(page, "GET", f"/thumbnails/{id_}", {"if-none-match": first.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])


@pytest.mark.parametrize("id_", ["nonsense", "../../etc/passwd", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"])
async def test_only_known_pictures_are_read(id_: str) -> None:
    for size in ("thumbnails", "pictures"):
        answer = await ask(app(), "GET", f"/{size}/{id_}")
        assert answer.status == 404


@pytest.mark.parametrize(
    ("key", "status", "why"),
    [("a.gone", 404, "the store did not return it: NoSuchKey"), ("a.away", 503, "the store does not answer")],
)
async def test_a_picture_that_cannot_be_shown_has_a_reason(key: str, status: int, why: str) -> None:
    board, id_ = board_with(f"uploads/ann/{key}")
    answer = await ask(app(board), "GET", f"/thumbnails/{id_}")
    assert (answer.status, json.loads(answer.body)) == (status, {"error": why})
    assert answer.headers["cache-control"] == "private, max-age=5"


async def test_pictures_can_be_switched_off() -> None:
    board, id_ = board_with("uploads/ann/cat.jpg")
    for size in ("thumbnails", "pictures"):
        assert (await ask(app(board, shows=False), "GET", f"/{size}/{id_}")).status == 404


async def test_pages_are_compressed_and_pictures_are_not() -> None:
    board, id_ = board_with("uploads/ann/cat.jpg")
    accepts = {"accept-encoding": "gzip"}
    for target in ("/", "/assets/board.css", "/assets/details.js"):
        plain = await ask(app(board), "GET", target)
        packed = await ask(app(board), "GET", target, accepts)
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) / 2
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers["etag"] == plain.headers["etag"]
    assert "content-encoding" not in (await ask(app(board), "GET", f"/thumbnails/{id_}", accepts)).headers


async def test_details_are_shown_also_without_a_database() -> None:
    board, id_ = board_with("uploads/ann/<script>.jpg")
    answer = await ask(app(board), "GET", f"/api/pictures/{id_}")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["key"] == "uploads/ann/<script>.jpg"
    records = await ask(app(board), "GET", "/api/records")
    assert (records.status, "DATABASE_HOST" in records.text) == (404, True)


async def test_the_history_is_of_an_hour_or_a_day() -> None:
    for span, slots in (("hour", 61), ("day", 97)):
        answer = json.loads((await ask(app(), "GET", f"/api/history/{span}")).body)
        assert (len(answer["cat"]), answer["p95"][-1]) == (slots, None)
    assert (await ask(app(), "GET", "/api/history/year")).status == 404


@pytest.mark.parametrize(
    "target",
    [
        "/api/records?class=bird",
        "/api/records?limit=0",
        "/api/records?limit=1000000",
        "/api/records?limit=%D9%A3",
        "/api/records?after=nonsense",
        "/api/records?name=a%00b",
        "/api/records?name=--",
        "/api/records?sort=wildly",
        "/api/records?sort=least_sure&class=rejected",
        "/api/records?sort=least_sure&after=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "/api/records/total?class=bird",
        "/api/rejections?sort=least_sure",
        "/api/rejections?name=%25",
        "/api/rejections.csv?reason=whim",
        "/api/rejections/total?since=yesterday",
        "/api/rejections?reason=whim",
        "/api/rejections?since=yesterday",
        "/api/rejections?since=2026-03-01",
        "/api/records?since=0001-01-01T00:00:00%2B14:00",
        "/api/records?since=2026-03-01T12:00:00Z&until=2026-03-01T12:00:00Z",
        "/api/records?below=little",
        "/api/records?below=0",
        "/api/records?below=NaN",
        "/api/records?below=90",
        "/api/records?below=0.9&class=rejected",
        "/api/records.csv?below=2",
    ],
)
async def test_what_cannot_be_asked_is_reported(target: str) -> None:
    answer = await ask(app(), "GET", target)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]


async def test_without_the_demo_nothing_can_be_written() -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for target in ("/api/uploads?name=a.jpg", "/api/records", "/pictures/x", "/"):
            assert (await ask(app(), method, target, OWN, body=(b"x",))).status in {404, 405}, (method, target)


async def test_an_upload_of_the_page_is_taken_and_shown_at_once() -> None:
    store, board = Store(), Board(100)
    answer = await ask(
        app(board, store=store, uploads=True), "POST", "/api/uploads?name=a.jpg", OWN, body=(b"12", b"3")
    )
    stored: dict[str, Any] = json.loads(answer.body)
    assert answer.status == 201
    assert store.taken == [("a.jpg", b"123")]
    assert board.picture(UUID(stored["id"])) is not None


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
async def test_an_upload_of_another_site_is_refused_unread(headers: dict[str, str]) -> None:
    store = Store()
    answer = await ask(app(store=store, uploads=True), "POST", "/api/uploads?name=a.jpg", headers, body=(b"123",))
    assert (answer.status, store.taken) == (403, [])


@pytest.mark.parametrize("stated", [{"content-length": "11"}, {"content-length": "9" * 400}, {}])
async def test_an_upload_is_bounded_whatever_length_it_states(stated: dict[str, str]) -> None:
    store = Store()
    body = (b"123456", b"78901")
    answer = await ask(app(store=store, uploads=True), "POST", "/api/uploads?name=a.jpg", OWN | stated, body=body)
    assert (answer.status, store.taken) == (413, [])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("cat.jpg", "cat.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.jpg", "cat.jpg"),
        ("a\0b", "ab"),
        ("<script>.png", "<script>.png"),
        ("/", "picture"),
        ("x" * 500, "x" * 120),
        ("\ud800.png", "?.png"),
    ],
)
def test_a_files_name_becomes_a_part_of_a_key(given: str, kept: str) -> None:
    assert _file_name(given) == kept
