"""Whether the object store answers, also while nothing is read from it. Any answer counts, a refusal as well."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's name

from streams.board.facts import Presence
from streams.board.pace import pause
from streams.board.state import Board
from streams.runtime.settings import AwsSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ASK_SECONDS: Final = 4.0
NO_ANSWER_SECONDS: Final = 4


class StorePresence:
    """Asks for one bucket, each few seconds while the page has viewers."""

    def __init__(self, settings: AwsSettings, bucket: str, board: Board, is_watched: Callable[[], bool]) -> None:
        config = Config(connect_timeout=3, read_timeout=NO_ANSWER_SECONDS, retries={"total_max_attempts": 1})
        self._client: S3Client = boto3.client(
            "s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint, config=config
        )
        self._bucket = bucket
        self._board = board
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Ask until cancelled."""
        while True:
            if self._is_watched():
                found = await asyncio.to_thread(self._answers)
                presence: Presence = "unknown" if found is None else "there" if found else "away"
                self._board.found(datetime.now(UTC), store=presence)
            await pause(self._is_watched, watched_seconds=ASK_SECONDS, unwatched_seconds=inf)

    def _answers(self) -> bool | None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except (ConnectionError, HTTPClientError):
            return False
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return bool(status < HTTPStatus.INTERNAL_SERVER_ERROR)
        except BotoCoreError:  # such as no credentials: nothing was asked
            return None
        return True
