import asyncio
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.store_server import Store, answers


async def test_any_key_that_ends_with_a_files_name_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(b"picture")
    by_name = answers(tmp_path)
    server = await asyncio.get_running_loop().create_server(lambda: Store(by_name), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bucket/uploads/u-1"

    def get(name: str) -> bytes:
        with urllib.request.urlopen(f"{url}/{name}", timeout=60) as answer:  # noqa: S310 - our own http URL
            assert answer.headers["ETag"].strip('"')
            body: bytes = answer.read()
        return body

    async with server:
        assert await asyncio.to_thread(get, "a%20b.jpg?versionId=null") == b"picture"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(get, "c.jpg")


async def test_several_requests_in_one_packet_are_all_answered(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    by_name = answers(tmp_path)
    server = await asyncio.get_running_loop().create_server(lambda: Store(by_name), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"GET /x/a HTTP/1.1\r\nHost: x\r\n\r\nGET /x/b HTTP/1.1\r\nHo")
        writer.write(b"st: x\r\n\r\n")
        wanted = len(by_name["a"]) + len(by_name["b"])
        assert await asyncio.wait_for(reader.readexactly(wanted), 60) == by_name["a"] + by_name["b"]
        writer.close()
        await writer.wait_closed()
