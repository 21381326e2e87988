"""
The password of a database that trusts IAM: a token that AWS credentials sign, valid for a quarter of an hour.

Signing is local and needs no network; the credentials behind it may, hence the thread. `persistence` asks for a
password at each new connection and knows nothing of AWS.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from persistence.errors import MisconfiguredDatabase

REUSE_SECONDS: Final = 300.0
"""
A token is checked at login only and lives 15 minutes (Amazon Aurora User Guide, "IAM database authentication"). It
ends sooner when the credentials that signed it do, which botocore renews 10 minutes ahead: reused for less than that, a
token never outlives them. Five minutes keep a bad one short, and many connections at once are signed for once.
"""


class Signer(Protocol):
    """boto3's RDS client, this much of it."""

    def generate_db_auth_token(self, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803 - boto3's names
        """A token for one host, port and user."""
        ...


class DatabaseTokens:
    """Signs tokens, one for each host, port and user at a time. Any thread may ask."""

    def __init__(self, signer: Signer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._signer = signer
        self._clock = clock
        self._lock = threading.Lock()
        self._signed: dict[tuple[str, int, str], tuple[float, str]] = {}

    def password(self, host: str, port: int, username: str) -> Callable[[], Awaitable[str]]:
        """
        What to ask at each new connection.

        Args:
            host: The endpoint itself: the server compares it with the name it knows itself by, so no alias works.
            port: The endpoint's.
            username: A database user that was granted ``rds_iam``.

        Returns:
            An async callable. It raises MisconfiguredDatabase where there are no credentials to sign with, which is
            waited for like a wrong password.
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
                raise MisconfiguredDatabase(f"no IAM token for {username}@{host}: {error}") from error
            self._signed[host, port, username] = now, token
            return token


def tokens(region: str) -> DatabaseTokens:
    """Tokens signed with the credentials that boto3 finds in its usual places."""
    return DatabaseTokens(boto3.client("rds", region_name=region))
