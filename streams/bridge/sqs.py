"""Step 0 of 7, its source: an SQS queue, read and answered through boto3 on threads."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import structlog
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH_SIZE: Final = 10
"""Messages in one request, at most. Source: Amazon SQS quotas."""

log = structlog.get_logger()

AnswerT = TypeVar("AnswerT")


class QueueUnavailableError(Exception):
    """The queue did not do what was asked: throttled, away, forbidden or gone. All of them are waited for."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message taken from the queue, invisible to others until it is deleted or its visibility ends."""

    id: str
    receipt: str
    body: str
    traceparent: str | None = None


class Queue(Protocol):
    """Where notifications wait."""

    async def receive(self) -> list[QueueMessage]:
        """Up to 10 messages, after a long poll; none if none came."""

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[QueueMessage]:
        """Remove up to 10 messages for good; gives those of which it failed, to be tried again."""

    async def extend(self, messages: Sequence[QueueMessage], seconds: int) -> Sequence[QueueMessage]:
        """Keep up to 10 messages invisible for so long from now; gives those of which it failed, to be tried again."""


class SqsQueue:
    """A queue of Amazon SQS, or of a server that speaks its protocol."""

    def __init__(self, client: "SQSClient", url: str, *, wait_seconds: int, visibility_seconds: int) -> None:
        self._client = client
        self._url = url
        self._wait_seconds = wait_seconds
        self._visibility_seconds = visibility_seconds

    async def receive(self) -> list[QueueMessage]:
        """See Queue."""
        return await _off_the_loop(self._receive)

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[QueueMessage]:
        """See Queue. A message that is never deleted comes again; its outcome is the same."""
        entries = [{"Id": str(i), "ReceiptHandle": message.receipt} for i, message in enumerate(messages)]
        answer = await _off_the_loop(
            lambda: self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type,unused-ignore]  # plain dicts are what boto3 takes
        )
        return _failed(messages, answer)

    async def extend(self, messages: Sequence[QueueMessage], seconds: int) -> Sequence[QueueMessage]:
        """See Queue."""
        entries = [
            {"Id": str(i), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
            for i, message in enumerate(messages)
        ]
        answer = await _off_the_loop(
            lambda: self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type,unused-ignore]  # plain dicts are what boto3 takes
        )
        return _failed(messages, answer)

    def _receive(self) -> list[QueueMessage]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_SIZE,
            WaitTimeSeconds=self._wait_seconds,
            VisibilityTimeout=self._visibility_seconds,
            MessageAttributeNames=["traceparent"],
        )
        return [
            QueueMessage(
                id=message["MessageId"],
                receipt=message["ReceiptHandle"],
                body=message["Body"],
                traceparent=_attribute(message, "traceparent"),
            )
            for message in answer.get("Messages", [])
        ]


def _failed(messages: Sequence[QueueMessage], answer: Mapping[str, Any]) -> list[QueueMessage]:
    """
    The messages of a batch that the queue's own fault kept from being done. A batch that fails in part is answered
    with 200, and boto3 tries none of its entries again.

    Where the fault is ours (``SenderFault``: a receipt that has expired, 12 hours of invisibility that are used up),
    trying again changes nothing: the message comes again by itself.
    """
    failed = answer.get("Failed", [])
    for entry in failed:
        if entry.get("SenderFault"):
            log.warning("message.entry_refused", id=messages[int(entry["Id"])].id, code=entry.get("Code"))
    return [messages[int(entry["Id"])] for entry in failed if not entry.get("SenderFault")]


async def _off_the_loop(call: Callable[[], AnswerT]) -> AnswerT:
    try:
        return await asyncio.to_thread(call)
    except (BotoCoreError, ClientError, OSError) as error:
        raise QueueUnavailableError(f"{type(error).__name__}: {error}") from error


def _attribute(message: "MessageTypeDef", name: str) -> str | None:
    attribute = message.get("MessageAttributes", {}).get(name)
    return attribute.get("StringValue") if attribute else None
