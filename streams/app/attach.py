"""Wires ``petstream attach`` and ``petstream detach``: clients, and the steps of a plan in their order."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import boto3
from botocore.config import Config

from streams.attach.attachment import Attachment
from streams.attach.performing import Performer
from streams.attach.plan import Action, Step
from streams.attach.reading import Reader
from streams.runtime.settings import AwsSettings


def opened(settings: AwsSettings, attachment: Attachment) -> Reader:
    """The bucket and the queues. A wrong endpoint is reported within seconds."""
    config = Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 3, "mode": "standard"})
    return Reader(
        boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint, config=config),
        boto3.client("sqs", region_name=settings.aws_region, endpoint_url=settings.sqs_endpoint, config=config),
        attachment,
    )


def make(reader: Reader, steps: Sequence[Step], *, begin: Callable[[Step], None], check_seconds: float) -> None:
    """
    Perform the steps of attach.

    Raises:
        AttachRefused, NotDelivered, ChangedMeanwhile: earlier steps stay done; the same command goes on from there.
    """
    performer = Performer(reader, now=lambda: datetime.now(UTC), check_seconds=check_seconds)
    for step in steps:
        begin(step)
        performer.perform(step.action)


def take_back(
    reader: Reader,
    steps: Sequence[Step],
    *,
    begin: Callable[[Step], None],
    settle_seconds: float,
    delete_messages: bool,
) -> None:
    """
    Perform the steps of detach. Without the notification, a message may be on its way for ``settle_seconds``.

    Raises:
        AttachRefused, ChangedMeanwhile, QueueHoldsMessages: earlier steps stay done; the same command goes on.
    """
    performer = Performer(reader, now=lambda: datetime.now(UTC))
    for step in steps:
        begin(step)
        if step.action is not Action.SETTLE:
            performer.perform(step.action)
            continue
        time.sleep(settle_seconds)
        if not delete_messages:
            performer.check_empty()
