"""Who may ask, and what every answer carries."""

from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from streams.board.guard import LOCAL_NAMES, Guard, host_name, may_ask
from tests.asgi import ask


async def hello(_request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


def guarded() -> Guard:
    routes = [Route("/", hello), Route("/", hello, methods=["POST"])]
    return Guard(Starlette(routes=routes), {*LOCAL_NAMES, "board.example"})


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("127.0.0.1:8480", "127.0.0.1"),
        ("LOCALHOST", "localhost"),
        ("[::1]:8480", "::1"),
        ("", ""),
        ("[", ""),
        ("localhost.evil.example", "localhost.evil.example"),
        ("user@localhost", "localhost"),
    ],
)
def test_the_host_header_is_read_with_or_without_port(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["127.0.0.1:8480", "localhost", "[::1]:8480", "board.example", "Board.Example:443"])
async def test_the_names_that_are_allowed_are_served(host: str) -> None:
    assert (await ask(guarded(), "GET", "/", {"host": host})).text == "hello"


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example:8480", "", "192.168.0.7"])
async def test_a_name_that_merely_leads_here_is_refused(host: str) -> None:
    answer = await ask(guarded(), "GET", "/", {"host": host})
    assert (answer.status, "hello" in answer.text) == (421, False)


async def test_every_answer_carries_the_headers_also_a_refusal_and_one_that_is_not_there() -> None:
    for answer in (
        await ask(guarded(), "GET", "/"),
        await ask(guarded(), "GET", "/", {"host": "rebound.example"}),
        await ask(guarded(), "GET", "/nothing"),
        await ask(guarded(), "DELETE", "/", {"origin": "http://127.0.0.1:8480"}),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # a program
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),  # a link
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, False),
    ],
)
def test_other_sites_may_lead_here_and_read_nothing(headers: Mapping[str, str], allowed: bool) -> None:  # noqa: FBT001
    assert may_ask("GET", headers) is allowed


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"origin": "http://127.0.0.1:8480", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:8480"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "null"}, False),
        ({}, False),
        ({"origin": "http://127.0.0.1:8480", "sec-fetch-site": "same-site"}, False),
    ],
)
async def test_only_the_page_itself_may_write(headers: Mapping[str, str], allowed: bool) -> None:  # noqa: FBT001
    assert may_ask("POST", {"host": "127.0.0.1:8480", **headers}) is allowed
    answer = await ask(guarded(), "POST", "/", headers)
    assert (answer.status == 200) is allowed
