"""How many notifications wait in the queue that the bridge reads. Takes nothing off it."""

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
    """Asks one queue for its length, for ever. A queue that does not answer is unknown, and the rest goes on."""

    def __init__(self, settings: AwsSettings, url: str, board: Board, is_watched: Callable[[], bool]) -> None:
        config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
        self._client: SQSClient = boto3.client(
            "sqs", region_name=settings.aws_region, endpoint_url=settings.sqs_endpoint, config=config
        )
        self._url = url
        self._board = board
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Look for ever: every other second while somebody watches, else now and then."""
        while True:
            try:
                visible, in_hand = await asyncio.to_thread(self._ask)
            except (ClientError, BotoCoreError, OSError) as error:
                log.debug("board.queue_unknown", error=str(error))
                self._board.queue(None)
                self._board.look("bridge", datetime.now(UTC), is_there=None)
            else:
                self._board.queue(visible + in_hand)
                self._board.look("bridge", datetime.now(UTC), is_there=not visible or in_hand > 0)
            await asyncio.sleep(WATCHED_SECONDS if self._is_watched() else UNWATCHED_SECONDS)

    def _ask(self) -> tuple[int, int]:
        """Messages that may be taken, and those that somebody took and has not deleted."""
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        found = answer["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])
