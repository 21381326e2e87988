"""Reads what exists: the bucket's notifications and the queues, through boto3. Blocks."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import stamina
from botocore.exceptions import ClientError

from streams.attach import delivery, notifications
from streams.attach.attachment import Attachment
from streams.attach.errors import AttachRefused, BucketMissing, ChangedMeanwhile
from streams.attach.plan import QueueState, State
from streams.attach.requests import asking, is_missing_queue

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

SETTLING_SECONDS: Final = 60.0
"""
A new queue and its policy are known everywhere after up to 60 s, and counts of messages are right a minute after the
last one. Source: Amazon SQS API reference, SetQueueAttributes and GetQueueAttributes.
"""
_HTTP_OK: Final = 200


class Reader:
    """
    What exists for an attachment.

    Args:
        s3: for the bucket.
        sqs: for the queues.
        attachment: whose bucket and queues.
        patience_seconds: how long a change may take until it is seen.
    """

    def __init__(
        self, s3: "S3Client", sqs: "SQSClient", attachment: Attachment, *, patience_seconds: float = SETTLING_SECONDS
    ) -> None:
        self.s3 = s3
        self.sqs = sqs
        self.attachment = attachment
        self._patience_seconds = patience_seconds
        s3.meta.events.register("before-parse.s3.GetBucketNotificationConfiguration", _refuse_unknown)
        s3.meta.events.register("needs-retry.s3.PutBucketNotificationConfiguration", _do_not_repeat)

    def state(self) -> State:
        """
        What exists now.

        Raises:
            AttachRefused: a bucket of another region, a missing permission.
            BucketMissing
        """
        self._check_region()
        return State(
            self.notifications(),
            self.queue(self.attachment.name),
            self.queue(self.attachment.dead_letters_name),
            delivery.left_objects(self.s3, self.attachment),
        )

    def remains(self) -> State:
        """
        The same for detach. Of a bucket that is gone, the queues.

        Raises:
            AttachRefused, BucketMissing: neither bucket nor queues.
        """
        try:
            return self.state()
        except BucketMissing:
            gone = State({}, self.queue(self.attachment.name), self.queue(self.attachment.dead_letters_name))
            if gone.queue is None and gone.dead_letters is None:
                raise
            return gone

    def notifications(self) -> dict[str, Any]:
        """The bucket's configuration, whole."""
        bucket = self.attachment.bucket
        with asking("s3:GetBucketNotification", f"read the notifications of {bucket}"):
            answer: Mapping[str, Any] = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def queue(self, name: str) -> QueueState | None:
        """The queue of that name; None if there is none."""
        try:
            with asking("sqs:GetQueueUrl", f"look for the queue {name}"):
                url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            with asking("sqs:GetQueueAttributes", f"read the attributes of {name}"):
                attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            with asking("sqs:ListQueueTags", f"read the tags of {name}"):
                tags = self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        except ClientError as error:
            if is_missing_queue(error):
                return None
            raise
        return QueueState(url, {str(key): value for key, value in attributes.items()}, tags)

    def existing(self, name: str) -> QueueState:
        """
        A queue that an earlier step has made; SQS may need a second to know it.

        Raises:
            AttachRefused, ChangedMeanwhile
        """
        for attempt in self.attempts(ChangedMeanwhile):
            with attempt:
                if (queue := self.queue(name)) is not None:
                    return queue
                raise ChangedMeanwhile(f"Somebody else deleted the queue {name}", "run this command again.")
        raise AssertionError  # unreachable: the last attempt raises

    def attempts(self, error: type[Exception] | Callable[[Exception], bool]) -> Iterable[stamina.Attempt]:
        """Attempts until a change is seen."""
        return stamina.retry_context(
            on=error, attempts=None, timeout=self._patience_seconds, wait_initial=0.5, wait_max=5.0
        )

    def _check_region(self) -> None:
        bucket, mine = self.attachment.bucket, self.sqs.meta.region_name
        with asking("s3:ListBucket, if it is yours", f"look at the bucket {bucket}"):
            answer = self.s3.head_bucket(Bucket=bucket)
        region = answer.get("BucketRegion")
        if region and region != mine:
            raise AttachRefused(
                f"The bucket {bucket} is in {region}, AWS_REGION is {mine}, and S3 sends to queues of its own region",
                f"set AWS_REGION={region}.",
            )


def _refuse_unknown(response_dict: Mapping[str, Any], **_: object) -> None:
    if response_dict["status_code"] != _HTTP_OK:
        return
    if names := notifications.unknown_elements(response_dict["body"]):
        raise AttachRefused(
            f"The bucket's notifications have something that this boto3 does not know ({', '.join(sorted(names))})",
            "upgrade boto3: a change would lose it.",
        )


def _do_not_repeat(
    operation: Any, response: tuple[Any, Any] | None, caught_exception: Exception | None, **_: object
) -> None:
    """Leave the repetition of a write to writing.py, which reads again: boto3 would write what was read before."""
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code != _HTTP_OK:
        raise ClientError(response[1], operation.name)
