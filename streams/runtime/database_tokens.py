"""
The password for IAM database authentication: a token signed with AWS credentials, valid for 15 minutes.

Signing is local, but fetching the credentials may need the network, so it runs in a thread. `persistence` asks for a
password at each new connection and does not depend on AWS.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from persistence.errors import MisconfiguredDatabase
from streams.runtime.error_text import error_text

REUSE_SECONDS: Final = 300.0
"""
A token is checked at login only and is valid for 15 minutes (Amazon Aurora User Guide, "IAM database
authentication"). It expires earlier if the credentials that signed it expire. botocore renews those 10 minutes ahead,
so a token that is reused for less than 10 minutes never outlives them. Five minutes limit the use of a bad token, and
one signature still serves many connections that open at once.
"""


class Signer(Protocol):
    """The one method of boto3's RDS client that is used."""

    def generate_db_auth_token(self, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803 - boto3's names
        """A token for one host, port and user."""
        ...


class DatabaseTokens:
    """Signs and caches one token for each host, port and user. Thread-safe."""

    def __init__(self, signer: Signer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._signer = signer
        self._clock = clock
        self._lock = threading.Lock()
        self._signed: dict[tuple[str, int, str], tuple[float, str]] = {}

    def password(self, host: str, port: int, username: str) -> Callable[[], Awaitable[str]]:
        """
        Build the password callback for new connections.

        Args:
            host: The endpoint's own name. The server compares it with its name, so an alias does not work.
            port: The endpoint's port.
            username: A database user that was granted ``rds_iam``.

        Returns:
            An async callable. It raises MisconfiguredDatabase if there are no credentials to sign with. The pool
            retries this like a wrong password.
        """

        async def current() -> str:
            return await asyncio.to_thread(self._token, host, port, username)

        return current

    def _token(self, host: str, port: int, username: str) -> str:
        with self._lock:
            signed_at, token = self._signed.get((host, port, username), (float("-inf"), ""))
            now = self._clock()
            if now - signed_at < REUSE_SECONDS:
                return token
            try:
                token = self._signer.generate_db_auth_token(host, port, username)
            except (BotoCoreError, ClientError) as error:
                raise MisconfiguredDatabase(f"no IAM token for {username}@{host}: {error_text(error)}") from error
            self._signed[host, port, username] = now, token
            return token


def tokens(region: str) -> DatabaseTokens:
    """Tokens signed with the credentials from boto3's default chain."""
    return DatabaseTokens(boto3.client("rds", region_name=region))
