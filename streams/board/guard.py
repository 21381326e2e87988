"""
Checks the Host header and the origin of every request, and adds security headers to every response.

The page has no sign-in. Listening on loopback keeps other machines out. This module keeps other web pages in the same
browser out: it refuses host names that DNS rebinding leads to loopback (Host), and requests by other sites (Origin and
Sec-Fetch-Site).
"""

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
READING: Final = frozenset({"GET", "HEAD"})

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PICTURE_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """
    ASGI middleware.

    Args:
        app: The application behind it.
        hosts: Allowed host names, without ports.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(str(scope["method"]), Headers(scope=scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", PAGE_POLICY)
                headers.setdefault("cache-control", "no-store")
                headers.update(HEADERS)
            await send(message)

        answer = self._app if refusal is None else refusal
        await answer(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        if host_name(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This page is not served under that name: see BOARD_ALLOWED_HOSTS.", 421)
        if not may_ask(method, headers):
            return PlainTextResponse("Other sites may not ask for this.", 403)
        return None


def host_name(header: str) -> str:
    """The name in a Host header, in lower case, without port and brackets; empty if the header is invalid."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def may_ask(method: str, headers: Mapping[str, str]) -> bool:
    """
    Whether a request comes from our own page, a person or a program, and not from another site.

    Reading: browsers state the initiator (Sec-Fetch-Site, W3C Fetch Metadata). Another site may only link here.
    Writing: the Origin, which browsers always send with a write, must be ours as well.
    """
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "navigate")
    if method in READING:
        return site in {"same-origin", "none"} or (mode == "navigate" and headers.get("sec-fetch-dest") == "document")
    origin = headers.get("origin", "")
    return site in {"same-origin", "none"} and urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
