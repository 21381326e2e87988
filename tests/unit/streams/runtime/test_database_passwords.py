from pathlib import Path

import pytest

from persistence.errors import MisconfiguredDatabase
from streams.runtime.database_passwords import password_in


@pytest.mark.parametrize(
    ("written", "read"),
    [("pass", "pass"), ("pass\n", "pass"), ("pass\r\n", "pass"), (" p ä?%/ ss ", " p ä?%/ ss ")],
)
async def test_the_password_is_the_text_without_its_line_end(tmp_path: Path, written: str, read: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(written.encode())
    assert await password_in(path)() == read


async def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("old")
    password = password_in(path)
    assert await password() == "old"
    replacement = tmp_path / "next"
    replacement.write_text("new")
    replacement.replace(path)
    assert await password() == "new"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
async def test_a_file_that_gives_no_password_is_a_misconfiguration(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MisconfiguredDatabase, match="the password's file"):
        await password_in(path)()
