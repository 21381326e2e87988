"""
Creates a bucket with notifications to a queue, as on AWS: versioning, dead-letter queue, policy, notification.

``python -m deploy.local.buckets BUCKET QUEUE`` does so at S3_ENDPOINT_URL, and prints the queue's URL.
"""

import json
import os
from typing import TYPE_CHECKING, Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import ClientError

from deploy.queue_policy import bucket_may_send

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

UPLOADS_PREFIX = "uploads/"
_LONGEST_RETENTION_SECONDS = 14 * 24 * 3600  # SQS' maximum
_OWNED_ALREADY = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


class ObjectStoreClients:
    """
    boto3 clients for one endpoint.

    Without keys, boto3 looks for credentials in its default places. The environment's proxies are not used. Addresses
    are path-style, since a loopback host has no subdomains.
    """

    def __init__(self, endpoint_url: str, region: str, access_key: str | None, secret_key: str | None) -> None:
        self.region = region
        options: dict[str, Any] = {
            "endpoint_url": endpoint_url,
            "region_name": region,
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "config": Config(proxies={}, s3={"addressing_style": "path"}, retries={"mode": "standard"}),
        }
        session = boto3.session.Session()
        self.s3: S3Client = session.client("s3", **options)
        self.sqs: SQSClient = session.client("sqs", **options)


def create_bucket_with_queue(
    clients: ObjectStoreClients,
    bucket: str,
    queue: str,
    *,
    prefix: str = UPLOADS_PREFIX,
    visibility_timeout_seconds: int = 60,
    max_receive_count: int = 100,
) -> str:
    """
    Create a versioned bucket, a queue with its dead-letter queue, and the notification from one to the other.

    Setting the notification makes S3 send an `s3:TestEvent` to the queue, as on AWS. It stays there for the consumer.

    Args:
        clients: Of the endpoint of S3 and SQS.
        bucket: Created unless it exists.
        queue: Created, or used if it exists with the same attributes.
        prefix: Only objects below it are notified.
        visibility_timeout_seconds: How long a received message is hidden from other consumers.
        max_receive_count: After this many receives without a delete, a message moves to `<queue>-dead-letters`.

    Returns:
        The queue's URL.
    """
    _create_bucket(clients, bucket)
    dead_letters = _queue_arn(clients, _create_queue(clients, f"{queue}-dead-letters", {}))
    redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": str(max_receive_count)}
    queue_url = _create_queue(
        clients,
        queue,
        {"VisibilityTimeout": str(visibility_timeout_seconds), "RedrivePolicy": json.dumps(redrive)},
    )
    queue_arn = _queue_arn(clients, queue_url)
    policy = {"Version": "2012-10-17", "Statement": [bucket_may_send(queue_arn, bucket)]}
    clients.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    clients.s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": queue_arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
                }
            ]
        },
    )
    return queue_url


def _create_bucket(clients: ObjectStoreClients, bucket: str) -> None:
    try:
        clients.s3.create_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _OWNED_ALREADY:
            raise
    clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _create_queue(clients: ObjectStoreClients, name: str, attributes: "dict[QueueAttributeNameType, str]") -> str:
    all_attributes = {"MessageRetentionPeriod": str(_LONGEST_RETENTION_SECONDS), **attributes}
    return clients.sqs.create_queue(QueueName=name, Attributes=all_attributes)["QueueUrl"]


def _queue_arn(clients: ObjectStoreClients, queue_url: str) -> str:
    answer = clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def main(bucket: str, queue: str) -> None:
    """Create both at S3_ENDPOINT_URL. Idempotent."""
    endpoint = os.environ.get("S3_ENDPOINT_URL")
    if not endpoint:
        raise typer.BadParameter(
            "set S3_ENDPOINT_URL: this is for local servers; on AWS, deploy/aws creates the bucket"
        )
    region = os.environ.get("AWS_REGION", "us-east-1")
    typer.echo(create_bucket_with_queue(ObjectStoreClients(endpoint, region, None, None), bucket, queue))


if __name__ == "__main__":
    typer.run(main)
