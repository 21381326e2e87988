"""The number of notifications in the bridge's queue. Receives none of them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streams.board.state import Board
from streams.runtime.settings import AwsSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WATCHED_SECONDS: Final = 2.0
UNWATCHED_SECONDS: Final = 30.0

log = structlog.get_logger()


class QueueLength:
    """Polls the length of one queue. The length is unknown while the queue does not answer."""

    def __init__(self, settings: AwsSettings, url: str, board: Board, is_watched: Callable[[], bool]) -> None:
        config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
        self._client: SQSClient = boto3.client(
            "sqs", region_name=settings.aws_region, endpoint_url=settings.sqs_endpoint, config=config
        )
        self._url = url
        self._board = board
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Poll until cancelled: each 2 s while the page has viewers, else each 30 s."""
        while True:
            try:
                visible, in_flight = await asyncio.to_thread(self._ask)
            except (ClientError, BotoCoreError, OSError) as error:
                log.debug("board.queue_unknown", error=str(error))
                self._board.queue(None)
                self._board.look("bridge", datetime.now(UTC), is_there=None)
            else:
                self._board.queue(visible + in_flight)
                self._board.look("bridge", datetime.now(UTC), is_there=not visible or in_flight > 0)
            await asyncio.sleep(WATCHED_SECONDS if self._is_watched() else UNWATCHED_SECONDS)

    def _ask(self) -> tuple[int, int]:
        """The messages that are visible, and those in flight: received and not yet deleted."""
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        found = answer["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])
