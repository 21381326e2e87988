"""The number of notifications in the bridge's queue. Receives none of them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streams.board.pace import pause
from streams.board.state import Board
from streams.runtime.settings import AwsSettings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WATCHED_SECONDS: Final = 2.0
UNWATCHED_SECONDS: Final = 30.0

log = structlog.get_logger()


class QueueLength:
    """Polls the length of one queue. Its last known length stands while the queue does not answer."""

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
            except (BotoCoreError, OSError) as error:
                self._unknown(error)
                self._board.found(datetime.now(UTC), queue="away")
            except ClientError as error:  # it answers; the board lacks a permission, or the queue is missing
                self._unknown(error)
                self._board.found(datetime.now(UTC), queue="unknown")
            else:
                now = datetime.now(UTC)
                self._board.queued_up(visible + in_flight)
                self._board.look("bridge", now, is_there=not visible or in_flight > 0)
                self._board.found(now, queue="there")
                self._board.heard_from("queue", now)
            await pause(self._is_watched, watched_seconds=WATCHED_SECONDS, unwatched_seconds=UNWATCHED_SECONDS)

    def _unknown(self, error: Exception) -> None:
        log.debug("board.queue_unknown", error=str(error))
        self._board.look("bridge", datetime.now(UTC), is_there=None)

    def _ask(self) -> tuple[int, int]:
        """The messages that are visible, and those in flight: received and not yet deleted."""
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        found = answer["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])
