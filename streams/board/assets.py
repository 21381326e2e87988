"""Serves the page's static files: read once at the start, cached by ETag. No other file can be requested."""

import hashlib
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
PAGE: Final = "board.html"


class Assets:
    """The files of the folder ``static`` beside this module."""

    def __init__(self) -> None:
        folder = resources.files("streams.board").joinpath("static")
        self._files = {file.name: file.read_bytes() for file in folder.iterdir() if _suffix(file.name) in _TYPES}
        self._tags = {name: f'"{hashlib.sha256(data).hexdigest()[:16]}"' for name, data in self._files.items()}

    @property
    def names(self) -> list[str]:
        """All file names, sorted."""
        return sorted(self._files)

    async def page(self, request: Request) -> Response:
        """The page itself."""
        return self._answer(request, PAGE)

    async def file(self, request: Request) -> Response:
        """A file by its name."""
        return self._answer(request, request.path_params["name"])

    def _answer(self, request: Request, name: str) -> Response:
        data = self._files.get(name)
        if data is None:
            return Response("No such file.", 404, media_type="text/plain")
        # The browser revalidates at each load, so an upgrade shows at once; unchanged files cost no bytes (304).
        headers = {"etag": self._tags[name], "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == self._tags[name]:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=_TYPES[_suffix(name)])


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
