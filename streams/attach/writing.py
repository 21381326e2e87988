"""Adds and removes the bucket's notification: read, change, write, read again. Blocks."""

from botocore.exceptions import ClientError

from streams.attach import notifications
from streams.attach.errors import ChangedMeanwhile
from streams.attach.notifications import Configuration
from streams.attach.reading import Reader
from streams.attach.requests import asking, code_of, is_passing


def add(reader: Reader) -> None:
    """
    Add the notification to what the bucket has at this moment.

    S3 has no condition for this write. It is read right before each attempt, so the moment in which another change is
    lost is short.

    Raises:
        AttachRefused: it overlaps with another one, or the bucket is of another account than the queue.
        ChangedMeanwhile: somebody else wrote at the same time.
    """
    attachment = reader.attachment
    queue_arn = reader.existing(attachment.name).arn
    for attempt in reader.attempts(is_passing):
        with attempt:
            found = reader.notifications()
            if notifications.own(found, attachment) is None:
                notifications.refuse_conflicts(found, attachment)
                _write(reader, notifications.with_ours(found, attachment, queue_arn), queue_arn)


def remove(reader: Reader) -> None:
    """
    Remove the notification from what the bucket has at this moment.

    Raises:
        ChangedMeanwhile: somebody else wrote at the same time.
    """
    for attempt in reader.attempts(is_passing):
        with attempt:
            found = reader.notifications()
            if (own := notifications.own(found, reader.attachment)) is not None:
                _write(reader, notifications.without_ours(found, reader.attachment), own.arn)


def _write(reader: Reader, wanted: Configuration, queue_arn: str) -> None:
    bucket, account = reader.attachment.bucket, queue_arn.split(":")[4]
    action = f"s3:PutBucketNotification (and the bucket has to belong to account {account}, as the queue does)"
    try:
        with asking(action, f"set the notifications of {bucket}"):
            # Validation sends a test message to all destinations, and fails if that of somebody else is broken.
            reader.s3.put_bucket_notification_configuration(
                Bucket=bucket,
                NotificationConfiguration=wanted,  # type: ignore[arg-type] # as S3 gave it
                SkipDestinationValidation=True,
                ExpectedBucketOwner=account,
            )
    except ClientError as error:
        if code_of(error) == "InvalidArgument" and "overlap" in str(error):
            raise notifications.conflict(bucket, notifications.creations(wanted, reader.attachment)) from error
        raise
    for attempt in reader.attempts(ChangedMeanwhile):
        with attempt:
            _verify(wanted, reader.notifications(), bucket)


def _verify(wanted: Configuration, found: Configuration, bucket: str) -> None:
    if notifications.is_same(found, wanted):
        return
    expected, there = set(notifications.targets(wanted)), set(notifications.targets(found))
    facts = [f"missing: {each}" for each in expected - there] + [f"new: {each}" for each in there - expected]
    raise ChangedMeanwhile(
        f"Somebody else changed the notifications of {bucket} at the same time ({'; '.join(sorted(facts))})",
        "put back what is missing and belongs to others, then run this command again.",
    )
