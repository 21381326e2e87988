"""
A store that costs nearly nothing: answers S3's GetObject out of memory, so that what is measured is the client.

    python -m benchmarks.store_server PORT FOLDER

``/bucket/uploads/anything/NAME`` is the file NAME of the folder, for any bucket. No signature is looked at.
"""

import asyncio
import hashlib
import sys
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

MISSING = (
    b"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: 38\r\n\r\n"
    b"<Error><Code>NoSuchKey</Code></Error>\r\n"
)


def answers(folder: Path) -> dict[str, bytes]:
    """Whole responses by file name."""
    made = {}
    for path in folder.iterdir():
        data = path.read_bytes()
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(data)}\r\n"
            f'ETag: "{etag}"\r\nLast-Modified: {formatdate(usegmt=True)}\r\nAccept-Ranges: bytes\r\n\r\n'
        )
        made[path.name] = head.encode() + data
    return made


class Store(asyncio.Protocol):
    """One connection, kept alive, possibly with several requests in one packet."""

    def __init__(self, by_name: dict[str, bytes]) -> None:
        self._by_name = by_name
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            path = self._received[: self._received.index(b"\r\n")].split(b" ")[1].decode()
            self._received = self._received[end + 4 :]
            name = unquote(path.partition("?")[0].rpartition("/")[2])
            self._transport.write(self._by_name.get(name, MISSING))  # type: ignore[attr-defined]


async def main(port: int, folder: Path) -> None:
    by_name = answers(folder)
    server = await asyncio.get_running_loop().create_server(lambda: Store(by_name), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
