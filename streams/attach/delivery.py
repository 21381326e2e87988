"""Checks with a test object that uploads are announced, and cleans up: objects, and messages about them. Blocks."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus
from uuid import uuid4

from streams.attach.attachment import TEST_FOLDER, Attachment
from streams.attach.errors import NotDelivered
from streams.attach.plan import LeftObject
from streams.attach.requests import asking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_AGAIN_SECONDS: Final = 20.0
"""A put before the notification is in effect is never announced, so the test object is put again."""
_RECEIVE_SECONDS: Final = 2
_HIDDEN_SECONDS: Final = 60
"""How long other messages are hidden from a bridge, at most. They are given back at the end."""
_MAX_MESSAGES: Final = 10
_MAX_OTHERS: Final = 1_000
"""So many other messages are looked at, before the check gives up on a queue that nobody reads."""
_TOKEN: Final = re.compile(r"[0-9a-f]{32}/")


def check(s3: "S3Client", sqs: "SQSClient", queue_url: str, attachment: Attachment, *, within_seconds: float) -> None:
    """
    Put an empty object that counts as a folder, wait for its notification in the queue, delete it.

    Nobody classifies it, also if a bridge takes its message first. S3's test event and messages about test objects are
    taken out of the queue, others stay.

    Raises:
        NotDelivered: if no notification came in time.
        AttachRefused: a missing permission.
    """
    key = f"{attachment.prefix}{TEST_FOLDER}{uuid4().hex}/"
    deadline = time.monotonic() + within_seconds
    try:
        with _inbox(sqs, queue_url, attachment) as inbox:
            while time.monotonic() < deadline:
                with asking("s3:PutObject", f"put the test object {key}, which --check-seconds 0 leaves out"):
                    s3.put_object(Bucket=attachment.bucket, Key=key, Body=b"")
                again = min(deadline, time.monotonic() + _AGAIN_SECONDS)
                while time.monotonic() < again:
                    inbox.receive()
                    if key in inbox.test_keys:
                        return
                    if len(inbox.others) > _MAX_OTHERS:
                        raise NotDelivered(
                            f"The test object's notification is behind more than {_MAX_OTHERS:,} other messages",
                            "start the bridge, which works them off: petstream check bridge tells whether it does. "
                            "--check-seconds 0 leaves the check out.",
                        )
    finally:
        delete_objects(s3, attachment)
    raise NotDelivered(
        f"No notification of the test object came within {within_seconds:g} s",
        "if a bridge reads the queue, it took the message: petstream check bridge. Else look at the queue's policy and "
        "encryption, and run this command again, since S3 may need minutes. --check-seconds 0 leaves the check out.",
    )


def take_test_messages(sqs: "SQSClient", queue_url: str, attachment: Attachment) -> bool:
    """Delete S3's test events and messages about test objects; ends at other messages, and says whether it saw some."""
    with _inbox(sqs, queue_url, attachment) as inbox:
        while inbox.receive() and not inbox.others:
            pass
        return bool(inbox.others)


def left_objects(s3: "S3Client", attachment: Attachment) -> tuple[LeftObject, ...]:
    """All versions of test objects, with their delete markers."""
    folder = attachment.prefix + TEST_FOLDER
    with asking("s3:ListBucketVersions", f"look for test objects below {folder}"):
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=attachment.bucket, Prefix=folder)
        return tuple(
            LeftObject(each["Key"], each["VersionId"])
            for page in pages
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            if _TOKEN.fullmatch(each["Key"].removeprefix(folder))
        )


def delete_objects(s3: "S3Client", attachment: Attachment) -> None:
    """Delete all versions of test objects."""
    for each in left_objects(s3, attachment):
        with asking("s3:DeleteObjectVersion", f"delete the test object {each.key}, which --check-seconds 0 leaves out"):
            s3.delete_object(Bucket=attachment.bucket, Key=each.key, VersionId=each.version_id)


def keys_of_test(body: str, attachment: Attachment) -> tuple[str, ...] | None:
    """Keys of test objects that a message is about: none for S3's test event. None if it is not (only) about a test."""
    try:
        message = json.loads(body)
        if message.get("Event") == "s3:TestEvent":
            return () if message["Bucket"] == attachment.bucket else None
        keys = tuple(unquote_plus(record["s3"]["object"]["key"]) for record in message["Records"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    folder = attachment.prefix + TEST_FOLDER
    is_test = all(key.startswith(folder) and _TOKEN.fullmatch(key.removeprefix(folder)) for key in keys)
    return keys if keys and is_test else None


class _Inbox:
    """What was received: test messages are deleted, others (by id, with receipts) wait to be given back."""

    def __init__(self, sqs: "SQSClient", queue_url: str, attachment: Attachment) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._attachment = attachment
        self.others: dict[str, str] = {}
        self.test_keys: set[str] = set()

    def receive(self) -> int:
        """Receive up to 10 messages; returns how many came."""
        with asking("sqs:ReceiveMessage", "receive from the queue"):
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=_MAX_MESSAGES,
                WaitTimeSeconds=_RECEIVE_SECONDS,
                VisibilityTimeout=_HIDDEN_SECONDS,
            )
        messages = answer.get("Messages", [])
        for each in messages:
            receipt, keys = each["ReceiptHandle"], keys_of_test(each.get("Body", ""), self._attachment)
            if keys is None:
                self.others[each["MessageId"]] = receipt
                continue
            with asking("sqs:DeleteMessage", "delete a test message"):
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt)
            self.test_keys.update(keys)
        return len(messages)

    def give_back(self) -> None:
        """Make the other messages visible again, unless they are by now, or a bridge has them."""
        receipts = list(self.others.values())
        for at in range(0, len(receipts), _MAX_MESSAGES):
            some = enumerate(receipts[at : at + _MAX_MESSAGES])
            with asking("sqs:ChangeMessageVisibility", "give messages back"):
                self._sqs.change_message_visibility_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                        for number, receipt in some
                    ],
                )


@contextmanager
def _inbox(sqs: "SQSClient", queue_url: str, attachment: Attachment) -> Iterator[_Inbox]:
    inbox = _Inbox(sqs, queue_url, attachment)
    try:
        yield inbox
    finally:
        inbox.give_back()
