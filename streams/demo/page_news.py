"""Tells from the board when work waits although every service answers: one line when it begins, one when it ends."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT_SECONDS: Final = 4.0
NO_ANSWER: Final = "not answer"
"""How the sentence about a service ends (streams/board/headline)."""
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy


@dataclass(slots=True)
class PageNews:
    """What was reported of the board's sentence."""

    _seen: str = ""
    _reported: str = ""

    def look(self, headline: dict[str, Any], *, is_away: bool) -> tuple[str, str] | None:
        """
        A state and a sentence to report; None if there is no news.

        A warning is news if two looks in a row show it: a process that is restarted is not reported here. ``is_away``
        says that a service does not answer, which has its own line; so does the board itself, a little longer.
        """
        title = headline["title"]
        is_away = is_away or title.endswith(NO_ANSWER)
        if is_away or headline["kind"] == "ok":
            self._seen = ""
            if is_away or not self._reported:
                return None
            self._reported = ""
            return "well", f"{title}. {headline['note']}"
        if headline["kind"] == "":  # not known
            return None
        is_new = title == self._seen != self._reported
        self._seen = title
        if not is_new:
            return None
        self._reported = title
        return "waiting", f"{title}. {headline['note']}"


def read_headline(page_url: str) -> dict[str, Any] | None:
    """The board's sentence: kind, title, note (streams/board/headline). None if the board does not answer."""
    try:
        with _DIRECT.open(f"{page_url}api/events", timeout=TIMEOUT_SECONDS) as answer:
            for line in answer:
                if line.startswith(b"data:"):
                    return dict(json.loads(line.removeprefix(b"data:"))["condition"]["headline"])
    except OSError:
        pass
    return None
