"""Objects that the store never serves: what it answers instead of each, and how such an object must end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.http_faults import Answers, Ask, Behaviour, CutShort, Message, Silent, send


@dataclass(frozen=True, slots=True)
class Page:
    """A proxy's page in the object's place, with 200 and without an etag."""

    async def exchange(self, _request: Message, _ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        body = b"<html>Please sign in.</html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}"
        await send(client, Message(head.encode(), body))


REFUSALS: Final[Mapping[str, tuple[Behaviour, str]]] = {
    "refused-403-": (Answers(403, "AccessDenied"), "forbidden"),
    "refused-404-": (Answers(404, "NoSuchKey"), "missing"),
    "refused-410-": (Answers(410, "Gone"), "missing"),
    "refused-451-": (Answers(451, "UnavailableForLegalReasons"), "unavailable"),
    "refused-sse-c-": (Answers(400, "InvalidRequest"), "unavailable"),
    "refused-kms-": (Answers(400, "KMS.DisabledException"), "unavailable"),
    "refused-500-": (Answers(500, "InternalError"), "unavailable"),
    "refused-503-": (Answers(503, "SlowDown"), "unavailable"),
    "refused-length-": (CutShort(), "unavailable"),
    "refused-silent-": (Silent(), "unavailable"),
    "refused-page-": (Page(), "unavailable"),
}
"""By what the object's key has in it: the store's answer, and the outcome."""
