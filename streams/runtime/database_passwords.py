"""The database password from a file that an orchestrator renews. The file is read for each new connection."""

import asyncio
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
            raise MisconfiguredDatabase(f"the password's file cannot be read: {error_text(error)}") from error
        if not password:
            raise MisconfiguredDatabase(f"the password's file {path} is empty")
        return password

    return current
