from dataclasses import replace
from pathlib import Path

import pytest

from persistence.errors import MisconfiguredDatabase
from persistence.pool import DatabaseConfig, open_pool

CONFIG = DatabaseConfig("db.example", 5432, "pets", "petstream_writer", "s3cret-of-mine")


def test_the_password_does_not_show_in_what_is_printed() -> None:
    assert "s3cret" not in repr(CONFIG)


def test_tls_is_on_by_default() -> None:
    assert CONFIG.ssl


async def test_a_root_certificate_that_is_not_there_is_a_misconfiguration(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredDatabase, match=r"missing\.pem"):
        await open_pool(replace(CONFIG, ssl_root_certificate=tmp_path / "missing.pem"))


async def test_a_root_certificate_that_is_none_is_a_misconfiguration(tmp_path: Path) -> None:
    path = tmp_path / "root.pem"
    path.write_text("not a certificate")
    with pytest.raises(MisconfiguredDatabase, match=r"root\.pem"):
        await open_pool(replace(CONFIG, ssl_root_certificate=path))
