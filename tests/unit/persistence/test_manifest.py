import hashlib
import shutil
from pathlib import Path

import pytest

from persistence.manifest import (
    MANIFEST,
    ManifestMismatch,
    list_new_files,
    manifest_problems,
    migration_ids,
    migrations_folder,
    read_manifest,
    verify_manifest,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("0001.first", "0002.second"):
        (tmp_path / f"{name}.sql").write_bytes(f"CREATE TABLE t{name[3]} (id INTEGER);\n".encode())
        (tmp_path / f"{name}.rollback.sql").write_bytes(f"DROP TABLE t{name[3]};\n".encode())
    list_new_files(tmp_path)
    return tmp_path


def test_the_released_migrations_are_as_they_were_released() -> None:
    verify_manifest()


def test_the_manifest_is_in_the_format_of_sha256sum(folder: Path) -> None:
    first = (folder / MANIFEST).read_text("utf-8").splitlines()[0]
    checksum = hashlib.sha256((folder / "0001.first.rollback.sql").read_bytes()).hexdigest()
    assert first == f"{checksum}  0001.first.rollback.sql"


def test_an_edit_is_noticed_in_migrations_and_in_rollbacks(folder: Path) -> None:
    for name in ("0001.first.sql", "0002.second.rollback.sql"):
        with (folder / name).open("a") as file:
            file.write(" ")
    assert [problem.split(" ")[0:3] for problem in manifest_problems(folder)] == [
        ["0001.first.sql", "was", "edited"],
        ["0002.second.rollback.sql", "was", "edited"],
    ]


def test_a_removed_file_is_noticed(folder: Path) -> None:
    (folder / "0001.first.sql").unlink()
    problems = manifest_problems(folder)
    assert "0001.first.sql was removed" in problems
    assert "0001.first.rollback.sql rolls nothing back" in problems


def test_an_unlisted_file_is_noticed(folder: Path) -> None:
    (folder / "0003.third.sql").write_text("SELECT 1;")
    (folder / "0003.third.rollback.sql").write_text("SELECT 1;")
    assert manifest_problems(folder) == (
        f"0003.third.rollback.sql is not listed in {MANIFEST}",
        f"0003.third.sql is not listed in {MANIFEST}",
    )


def test_a_migration_without_rollback_is_noticed(folder: Path) -> None:
    (folder / "0003.third.sql").write_text("SELECT 1;")
    list_new_files(folder)
    assert manifest_problems(folder) == ("0003.third.sql has no rollback file",)


def test_a_name_out_of_order_is_noticed(folder: Path) -> None:
    (folder / "3.Third.sql").write_text("SELECT 1;")
    (folder / "3.Third.rollback.sql").write_text("SELECT 1;")
    list_new_files(folder)
    assert len(manifest_problems(folder)) == 2


def test_a_manifest_that_is_gone_leaves_every_file_unlisted(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(ManifestMismatch) as error:
        verify_manifest(folder)
    assert len(error.value.problems) == 4


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_line_ends_are_not_an_edit(folder: Path, line_end: bytes) -> None:
    for path in folder.glob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", line_end))
    assert manifest_problems(folder) == ()


def test_listing_new_files_never_blesses_an_edit(folder: Path) -> None:
    before = read_manifest(folder)
    (folder / "0001.first.sql").write_text("DROP TABLE t1;")
    assert list_new_files(folder) == ()
    assert read_manifest(folder) == before
    assert manifest_problems(folder)


def test_listing_twice_changes_nothing(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(migrations_folder(), tmp_path / "copy"))
    text = (copy / MANIFEST).read_bytes()
    assert list_new_files(copy) == ()
    assert (copy / MANIFEST).read_bytes() == text


def test_migrations_are_numbered_without_gaps() -> None:
    assert [id_.split(".")[0] for id_ in migration_ids(migrations_folder())] == [
        f"{n:04}" for n in range(1, len(migration_ids(migrations_folder())) + 1)
    ]
