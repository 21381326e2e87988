import os
from pathlib import Path

import pytest

from deploy.local.errors import LocalPartError
from deploy.local.unprivileged import NOBODY, give_to, others_may_reach, unprivileged_uid


def test_only_root_becomes_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged_uid() is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert unprivileged_uid() == NOBODY


def test_a_file_below_a_private_folder_cannot_be_reached(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "program").touch(mode=0o755)
    assert not others_may_reach(private / "program")
    assert others_may_reach(Path("/bin/sh"))


def test_a_given_folder_is_private_to_its_owner(tmp_path: Path) -> None:
    give_to(None, tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_its_owner_could_not_enter_is_refused_by_name(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(LocalPartError, match="chmod o\\+x"):
        give_to(NOBODY, closed / "data")
