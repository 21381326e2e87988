"""
Detects edits of released migrations: ``MIGRATIONS.sha256`` has the checksum of each file.

The migration runner does not detect edits. Checksums ignore line endings, which a checkout may change. ``python -m
persistence.manifest`` adds new files, and never changes listed ones.
"""

from __future__ import annotations

import hashlib
import re
import sys
from importlib import resources
from pathlib import Path

from persistence.errors import PersistenceError

MANIFEST = "MIGRATIONS.sha256"
ROLLBACK = ".rollback.sql"
_NAME = re.compile(r"\d{4}\.[a-z0-9-]+(\.rollback)?\.sql")


class ManifestMismatch(PersistenceError):  # noqa: N818 - the name says what happened
    """The migration files differ from the released ones."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def migrations_folder() -> Path:
    """The folder of the ``migrations`` package, in the repository or where the wheel was installed."""
    return Path(str(resources.files("migrations")))


def migration_ids(folder: Path) -> tuple[str, ...]:
    """All migrations in order: file names without ``.sql``."""
    return tuple(path.stem for path in sorted(folder.glob("*.sql")) if not path.name.endswith(ROLLBACK))


def digest(path: Path) -> str:
    """SHA-256 of the file in hexadecimal digits, with CRLF and CR read as LF."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")).hexdigest()


def read_manifest(folder: Path) -> dict[str, str]:
    """Checksums by file name, in the format of ``sha256sum``; empty without a manifest."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    lines = (line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines() if line.strip())
    return {name.lstrip("*"): checksum for checksum, name in lines}


def manifest_problems(folder: Path) -> tuple[str, ...]:
    """Differences from the release, as sentences: edited, removed, unlisted, without rollback, misnamed."""
    listed = read_manifest(folder)
    present = {path.name: path for path in sorted(folder.glob("*.sql"))}
    problems = [f"{name} was removed" for name in listed if name not in present]
    for name, path in present.items():
        if name not in listed:
            problems.append(f"{name} is not listed in {MANIFEST}")
        elif digest(path) != listed[name]:
            problems.append(f"{name} was edited after its release: restore it and write a new migration")
        if not _NAME.fullmatch(name):
            problems.append(f"{name} is not named 0001.what-it-does.sql")
        if name.endswith(ROLLBACK):
            if name.removesuffix(ROLLBACK) + ".sql" not in present:
                problems.append(f"{name} rolls nothing back")
        elif name.removesuffix(".sql") + ROLLBACK not in present:
            problems.append(f"{name} has no rollback file")
    return tuple(problems)


def verify_manifest(folder: Path | None = None) -> None:
    """
    Check the files against their checksums.

    Raises:
        ManifestMismatch: files differ; lists all problems.
    """
    if problems := manifest_problems(folder or migrations_folder()):
        raise ManifestMismatch(problems)


def list_new_files(folder: Path) -> tuple[str, ...]:
    """Add new files to the manifest, and return their names. Listed checksums are not changed."""
    listed = read_manifest(folder)
    new = tuple(path.name for path in sorted(folder.glob("*.sql")) if path.name not in listed)
    listed |= {name: digest(folder / name) for name in new}
    text = "".join(f"{listed[name]}  {name}\n" for name in sorted(listed))
    (folder / MANIFEST).write_text(text, "utf-8", newline="\n")
    return new


if __name__ == "__main__":
    for added in list_new_files(migrations_folder()):
        sys.stdout.write(f"listed {added}\n")
    verify_manifest()
