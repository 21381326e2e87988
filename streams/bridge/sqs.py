"""Receives notifications from an SQS queue and deletes them, through boto3 on threads."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from streams.runtime.error_text import error_text

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH_SIZE: Final = 10
"""Most messages in one request. Source: Amazon SQS quotas."""

log = structlog.get_logger()

AnswerT = TypeVar("AnswerT")


class QueueUnavailableError(Exception):
    """A request to the queue failed: throttled, unreachable, forbidden or missing. All of these are retried."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A received message, invisible to other consumers until it is deleted or its visibility timeout ends."""

    id: str
    receipt: str
    body: str
    traceparent: str | None = None


class Queue(Protocol):
    """A queue of notifications."""

    async def receive(self) -> list[QueueMessage]:
        """Long-poll for up to 10 messages; empty if none came."""

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[QueueMessage]:
        """Delete up to 10 messages. Returns those that failed, for a retry."""

    async def extend(self, messages: Sequence[QueueMessage], seconds: int) -> Sequence[QueueMessage]:
        """Keep up to 10 messages invisible for ``seconds`` from now. Returns those that failed, for a retry."""


class SqsQueue:
    """A queue of Amazon SQS, or of a compatible server."""

    def __init__(self, client: "SQSClient", url: str, *, wait_seconds: int, visibility_seconds: int) -> None:
        self._client = client
        self._url = url
        self._wait_seconds = wait_seconds
        self._visibility_seconds = visibility_seconds

    async def receive(self) -> list[QueueMessage]:
        """See Queue."""
        return await _in_thread(self._receive)

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[QueueMessage]:
        """See Queue. A message that is not deleted is delivered again, with the same outcome."""
        entries = [{"Id": str(i), "ReceiptHandle": message.receipt} for i, message in enumerate(messages)]
        answer = await _in_thread(
            lambda: self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type,unused-ignore]  # plain dicts are what boto3 takes
        )
        return _failed(messages, answer)

    async def extend(self, messages: Sequence[QueueMessage], seconds: int) -> Sequence[QueueMessage]:
        """See Queue."""
        entries = [
            {"Id": str(i), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
            for i, message in enumerate(messages)
        ]
        answer = await _in_thread(
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
    The messages of a batch to retry: those that failed through the queue's fault. A batch that fails in part has status
    200, and boto3 retries none of its entries.

    Sender faults (an expired receipt, the limit of 12 hours of invisibility) are not retried. Those messages are
    delivered again.
    """
    failed = answer.get("Failed", [])
    for entry in failed:
        if entry.get("SenderFault"):
            log.warning("message.entry_refused", id=messages[int(entry["Id"])].id, code=entry.get("Code"))
    return [messages[int(entry["Id"])] for entry in failed if not entry.get("SenderFault")]


async def _in_thread(call: Callable[[], AnswerT]) -> AnswerT:
    try:
        return await asyncio.to_thread(call)
    except (BotoCoreError, ClientError, OSError) as error:
        raise QueueUnavailableError(error_text(error)) from error


def _attribute(message: "MessageTypeDef", name: str) -> str | None:
    attribute = message.get("MessageAttributes", {}).get(name)
    return attribute.get("StringValue") if attribute else None
