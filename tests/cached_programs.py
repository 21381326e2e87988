"""Programs that only tests need, built or fetched once into the user's cache."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path


def built(name: str, build: Callable[[Path, Path], None]) -> Path:
    """
    The folder of this name in the user's cache.

    If an earlier call did not make it, ``build`` gets an empty folder to work in and the path of the folder to make.

    Raises:
        PartUnavailable: by ``build``.
    """
    directory = user_cache_path("petstream") / name
    if directory.is_dir():  # it is complete: it is renamed into place
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f"{name}-") as folder:
        complete = Path(folder) / "complete"
        build(Path(folder), complete)
        try:
            complete.rename(directory)
        except OSError:
            if not directory.is_dir():  # another process built it first
                raise
    return directory
