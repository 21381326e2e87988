"""A bucket that others use too, and what ``petstream attach`` and ``detach`` leave of it."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any, Final
from unittest import mock

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from streams.app import attach
from streams.attach.attachment import Attachment
from streams.attach.plan import attach_steps, detach_steps
from streams.attach.reading import Reader
from tests.commands import Done, petstream
from tests.deploy.cloud import ACCOUNT, REGION, ROOT, Cloud, Keys

NUMBERS: Final = count(1)
QUICK: Final = ("--yes", "--settle", "0")


def shared_bucket(cloud: Cloud) -> str:
    """A versioned bucket with a picture, and notifications of others: a queue, a topic, a function, EventBridge."""
    name = f"pets.of-ours-{next(NUMBERS):02}"
    s3, sqs, sns = (cloud.client(service) for service in ("s3", "sqs", "sns"))
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=name, Key="uploads/ann/old.jpg", Body=b"a cat")
    others = f"arn:aws:sqs:{REGION}:{ACCOUNT}:others-{name.replace('.', '-')}"
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{others.rpartition(':')[2]}"
    sqs.create_queue(QueueName=others.rpartition(":")[2], Attributes={"Policy": open_to_s3(others, "sqs:SendMessage")})
    sns.create_topic(Name=topic.rpartition(":")[2])
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=open_to_s3(topic, "sns:Publish"))
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:thumbnails"
    told = {
        "QueueConfigurations": [
            {"Id": "removals", "QueueArn": others, "Events": ["s3:ObjectRemoved:*"], "Filter": below("uploads/")},
            {"Id": "reports", "QueueArn": others, "Events": ["s3:ObjectCreated:Put"], "Filter": below("reports/")},
        ],
        "TopicConfigurations": [
            {"Id": "logs", "TopicArn": topic, "Events": ["s3:ObjectCreated:*"], "Filter": below("logs/", ".gz")}
        ],
        "LambdaFunctionConfigurations": [
            {
                "Id": "thumbnails",
                "LambdaFunctionArn": function,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": below("up/"),
            }
        ],
        "EventBridgeConfiguration": {},
    }
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=told)
    return name


def open_to_s3(arn: str, action: str) -> str:
    may = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": action, "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [may]})


def below(prefix: str, suffix: str = "") -> dict[str, Any]:
    rules = [{"Name": "prefix", "Value": prefix}, *([{"Name": "suffix", "Value": suffix}] if suffix else [])]
    return {"Key": {"FilterRules": rules}}


def command(cloud: Cloud, *words: str, keys: Keys = ROOT) -> Done:
    # boto3 keeps the credentials that its default session has found first.
    with mock.patch.object(boto3, "DEFAULT_SESSION", None):
        return petstream(
            *words,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=keys[0],
            AWS_SECRET_ACCESS_KEY=keys[1],
            S3_ENDPOINT_URL=cloud.endpoint_url,
            AWS_CA_BUNDLE=str(cloud.authority),
        )


def told(cloud: Cloud, bucket: str) -> dict[str, Any]:
    answer = cloud.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def everything(cloud: Cloud, bucket: str) -> dict[str, Any]:
    """The bucket's notifications and versions, and all queues with their tags."""
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    listed = s3.list_object_versions(Bucket=bucket)
    slug = bucket.replace(".", "-")
    named = [sqs.list_queues(QueueNamePrefix=name) for name in (f"petstream-{slug}-", f"others-{slug}")]
    urls = [url for each in named for url in each.get("QueueUrls", [])]
    queues = {url: sqs.list_queue_tags(QueueUrl=url).get("Tags", {}) for url in urls}
    attributes = {url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in urls}
    policies = {url: (all_.get("Policy"), all_.get("RedrivePolicy")) for url, all_ in attributes.items()}
    versions = [each["Key"] for name in ("Versions", "DeleteMarkers") for each in listed.get(name, [])]
    return {"told": told(cloud, bucket), "versions": versions, "queues": queues, "policies": policies}


def reader_of(cloud: Cloud, bucket: str, keys: Keys = ROOT) -> Reader:
    """Of the bucket's uploads/. Does not wait for changes to be seen: the emulator shows them at once."""
    attachment = Attachment.of(bucket, "uploads/")
    return Reader(cloud.client("s3", keys), cloud.client("sqs", keys), attachment, patience_seconds=0.1)


def attach_all(reader: Reader, *, check: bool = True) -> None:
    """What ``petstream attach --yes`` does."""
    steps = attach_steps(reader.attachment, reader.state(), check=check)
    attach.make(reader, steps, begin=lambda _step: None, check_seconds=20)


def detach_all(reader: Reader, *, delete_messages: bool = False) -> None:
    """What ``petstream detach --yes --settle 0`` does."""
    steps = detach_steps(reader.attachment, reader.remains())
    attach.take_back(reader, steps, begin=lambda _step: None, settle_seconds=0, delete_messages=delete_messages)


def instead_of_a_write(reader: Reader, answer: Callable[[], AWSResponse]) -> None:
    """Answer the next write of the bucket's notifications in S3's place."""
    once = iter([answer])

    def happen(**_: object) -> Any:
        return next(once, lambda: None)()

    reader.s3.meta.events.register("before-send.s3.PutBucketNotificationConfiguration", happen)


def answered(status: int, code: str, message: str) -> AWSResponse:
    """An error as S3 answers it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return AWSResponse("https://s3", status, HTTPHeaders(), mock.Mock(stream=lambda: [body]))
