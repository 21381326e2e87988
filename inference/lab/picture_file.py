"""Opens the file of a picture that a table names."""

import errno
import stat
from pathlib import Path
from typing import BinaryIO


def opened(path: Path) -> BinaryIO:
    """
    The file, for reading.

    Raises:
        OSError: it cannot be read, or it is a named pipe, which would wait for ever, or a device, which may never end.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a folder, open says it better
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return path.open("rb")


def read(path: Path) -> bytes:
    """The file's bytes. Raises the errors of ``opened``."""
    with opened(path) as file:
        return file.read()
