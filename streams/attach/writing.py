"""Adds and removes the bucket's notification: read, change, write, read again. Blocks."""

from streams.attach import notifications
from streams.attach.errors import ChangedMeanwhile
from streams.attach.notifications import Configuration
from streams.attach.reading import Reader
from streams.attach.requests import DestinationRefused, asking


def add(reader: Reader) -> None:
    """
    Add the notification to what the bucket has at this moment. S3 may refuse a queue that it does not know yet: again.

    S3 has no condition for this write. It is read right before, so the moment in which another change is lost is short.

    Raises:
        AttachRefused: it overlaps with another one; S3 refuses a destination.
        ChangedMeanwhile: somebody else wrote at the same time.
    """
    attachment = reader.attachment
    queue_arn = reader.existing(attachment.name).arn

    def is_our_queue(error: Exception) -> bool:
        text = str(error)
        return isinstance(error, DestinationRefused) and (queue_arn in text or "arn:" not in text)

    for attempt in reader.attempts(is_our_queue):
        with attempt:
            found = reader.notifications()
            if notifications.own(found, attachment.name) is None:
                notifications.refuse_conflicts(found, attachment.name, attachment.prefix)
                _write(reader, notifications.with_ours(found, attachment.name, queue_arn, attachment.prefix))


def remove(reader: Reader) -> None:
    """
    Remove the notification from what the bucket has at this moment.

    Raises:
        ChangedMeanwhile: somebody else wrote at the same time.
    """
    found = reader.notifications()
    if notifications.own(found, reader.attachment.name) is not None:
        # Not validated: S3 sends test messages to no destination, and one that is gone stops nobody from leaving.
        _write(reader, notifications.without_ours(found, reader.attachment.name), validate=False)


def _write(reader: Reader, wanted: Configuration, *, validate: bool = True) -> None:
    bucket = reader.attachment.bucket
    with asking("s3:PutBucketNotification", f"set the notifications of {bucket}"):
        reader.s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration=wanted,  # type: ignore[arg-type] # as S3 gave it
            SkipDestinationValidation=not validate,
        )
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
