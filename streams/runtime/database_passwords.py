"""The database password from a file that an orchestrator renews. The file is read for each new connection."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

from persistence.errors import MisconfiguredDatabase
from streams.runtime.error_text import error_text


def password_in(path: Path) -> Callable[[], Awaitable[str]]:
    """
    Build the password callback for new connections. It strips the line end that editors and shells add.

    Returns:
        An async callable. It raises MisconfiguredDatabase while the file cannot be read or is empty. The pool retries
        this like a wrong password, because a secret that is being replaced may be absent for a moment.
    """

    async def current() -> str:
        try:
            password = (await asyncio.to_thread(path.read_text, "utf-8")).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise MisconfiguredDatabase(f"the password's file cannot be read: {_why(path, error)}") from error
        if not password:
            raise MisconfiguredDatabase(f"the password's file {path} is empty")
        return password

    return current


def _why(path: Path, error: OSError | UnicodeDecodeError) -> str:
    """With mode and owner where they are what keeps this process out: in a container its user is none of the host's."""
    if isinstance(error, PermissionError):
        try:
            found = path.stat()
        except OSError:  # the folder keeps it out
            return error_text(error)
        mode, user = stat.S_IMODE(found.st_mode), os.geteuid()
        return (
            f"{path} has mode {mode:o} and owner {found.st_uid}, and this process is user {user}. "
            f"Give it mode 644 in a folder of mode 700, or owner {user}"
        )
    return error_text(error)
