"""The database's password from a file that an orchestrator renews, read again at each new connection."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from persistence.errors import MisconfiguredDatabase


def password_in(path: Path) -> Callable[[], Awaitable[str]]:
    """
    What to ask at each new connection: the file's text, without the line end that editors and shells add.

    Returns:
        An async callable. It raises MisconfiguredDatabase while the file cannot be read or is empty, which is waited
        for like a wrong password: a secret that is being replaced may be away for a moment.
    """

    async def current() -> str:
        try:
            password = (await asyncio.to_thread(path.read_text, "utf-8")).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise MisconfiguredDatabase(f"the password's file cannot be read: {error}") from error
        if not password:
            raise MisconfiguredDatabase(f"the password's file {path} is empty")
        return password

    return current
