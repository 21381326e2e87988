"""Checks of queue and bucket. They block: call them in a thread."""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name
    HTTPClientError,
    NoCredentialsError,
)

from streams.check.finding import Finding, Role, clock
from streams.runtime.error_text import error_text
from streams.runtime.settings import AwsSettings, BridgeSettings, ClassifySettings

RECEIVES_MIN: Final = 50
"""
SQS limits the visibility timeout to 12 hours after a receive, including extensions. During a Kafka outage of 14 days,
the maximum retention of the queue, a message that a bridge holds is received 28 times. Restarts of the bridge add to
that, and must not move a message to the dead-letter queue.
"""
_DAY_SECONDS: Final = 24 * 60 * 60
_QUICKLY: Final = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
"""A wrong endpoint is reported within 5 s."""
_DESTINATIONS: Final = (
    *("QueueConfigurations", "TopicConfigurations", "LambdaFunctionConfigurations"),
    "EventBridgeConfiguration",
)


def queue(settings: BridgeSettings) -> list[Finding]:
    """Check that the queue exists and is accessible, and that it has a dead-letter queue."""
    sqs = boto3.client("sqs", region_name=settings.aws_region, endpoint_url=settings.sqs_endpoint, config=_QUICKLY)
    try:
        answer = sqs.get_queue_attributes(QueueUrl=settings.sqs_queue_url, AttributeNames=["All"])
    except (BotoCoreError, ClientError) as error:
        endpoint = "SQS_ENDPOINT_URL" if settings.sqs_endpoint_url else "S3_ENDPOINT_URL"
        remedy = _remedy(error, "SQS_QUEUE_URL", endpoint, "sqs:GetQueueAttributes")
        return [Finding("bridge", "queue", error_text(error), remedy)]
    attributes = answer["Attributes"]
    kept = int(attributes.get("MessageRetentionPeriod", 0)) / _DAY_SECONDS
    waiting = f"messages waiting: {attributes['ApproximateNumberOfMessages']}; each is kept for {kept:g} days"
    findings = [Finding("bridge", "queue", waiting), *_redrive(sqs, attributes)]
    return findings + _clock("bridge", "SQS", answer)


def notifications(settings: BridgeSettings) -> list[Finding]:
    """Check that the bucket sends notifications. No finding without S3_BUCKET or without the permission to look."""
    if settings.s3_bucket is None:
        return []
    try:
        configured = _s3(settings).get_bucket_notification_configuration(Bucket=settings.s3_bucket)
    except (BotoCoreError, ClientError):
        return []  # the bridge does not read the bucket; the classifier's check covers it
    if any(name in configured for name in _DESTINATIONS):
        return [Finding("bridge", "notifications", f"{settings.s3_bucket} sends notifications of uploads")]
    remedy = f"run petstream attach s3://{settings.s3_bucket}, or look at docs/deploying.md"
    return [Finding("bridge", "notifications", f"{settings.s3_bucket} sends no notifications of uploads", remedy)]


def bucket(settings: ClassifySettings) -> list[Finding]:
    """Check that the bucket exists and is accessible. No finding without S3_BUCKET: notifications name the buckets."""
    name = settings.s3_bucket
    if name is None:
        return []
    s3 = _s3(settings)
    try:
        answer = s3.head_bucket(Bucket=name)
        versioned = s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
    except (BotoCoreError, ClientError) as error:
        remedy = _remedy(error, "S3_BUCKET", "S3_ENDPOINT_URL", "s3:ListBucket and s3:GetObject")
        return [Finding("classify", "bucket", error_text(error), remedy)]
    found = f"{name}, {'versioned' if versioned else 'not versioned'}"
    return [Finding("classify", "bucket", found), *_clock("classify", "the store", answer)]


def _redrive(sqs: Any, attributes: Mapping[Any, str]) -> list[Finding]:
    if "RedrivePolicy" not in attributes:
        remedy = "give it a redrive policy: a message that Kafka cannot take stays in it for ever"
        return [Finding("bridge", "queue", "has no dead-letter queue", remedy, is_warning=True)]
    policy = json.loads(attributes["RedrivePolicy"])
    name, receives = str(policy["deadLetterTargetArn"]).rpartition(":")[2], int(policy["maxReceiveCount"])
    if receives < RECEIVES_MIN:
        remedy = f"set maxReceiveCount of the redrive policy to {RECEIVES_MIN} or more"
        found = f"a message is given up after {receives} receives"
        return [Finding("bridge", "redrive", found, remedy, is_warning=True)]
    try:
        sqs.get_queue_url(QueueName=name)
    except (BotoCoreError, ClientError) as error:
        if "NonExistent" in _code(error) or "DoesNotExist" in _code(error):
            remedy = "make that queue, or name another one in the redrive policy"
            return [Finding("bridge", "redrive", f"its dead-letter queue {name} is not there", remedy, is_warning=True)]
        # The bridge needs no permission on the dead-letter queue, so other errors are ignored.
    return [Finding("bridge", "redrive", f"to {name} after {receives} receives")]


def _s3(settings: AwsSettings) -> Any:
    return boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint, config=_QUICKLY)


def _clock(role: Role, whose: str, answer: Mapping[str, Any]) -> list[Finding]:
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return clock(role, whose, parsedate_to_datetime(date)) if date else []


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _remedy(error: Exception, name: str, endpoint: str, action: str) -> str:
    """``name`` and ``endpoint`` are settings that locate the resource, ``action`` is the required permission."""
    code = _code(error)
    if isinstance(error, NoCredentialsError):
        return "give the process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, HTTPClientError | ConnectionError):
        return f"look at {name}, {endpoint}, AWS_REGION and the network"
    if code in {"RequestTimeTooSkewed", "RequestExpired"}:
        return "set the clock of this machine: is chrony or ntpd running?"
    if code in {"403", "AccessDenied", "AccessDeniedException"}:
        return f"allow the role {action}; look at {name} and AWS_REGION"
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken"}:
        return "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role's token"
    return f"look at {name}, AWS_REGION, credentials and the role"
