from pathlib import Path

import pytest

from persistence.errors import MisconfiguredDatabase
from streams.runtime.database_passwords import password_in
from streams.runtime.error_text import error_text


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


async def test_a_file_whose_mode_keeps_the_process_out_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    path.write_text("pass")
    path.chmod(0o600)

    def refuse(self: Path, encoding: str) -> str:  # root, as whom tests may run, is refused nothing
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 10001)
    with pytest.raises(MisconfiguredDatabase) as error:
        await password_in(path)()
    said = error_text(error.value)
    assert f"{path} has mode 600 and owner {path.stat().st_uid}, and this process is user 10001" in said
    assert said.endswith("Give it mode 644 in a folder of mode 700, or owner 10001")
