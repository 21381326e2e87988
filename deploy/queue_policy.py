"""Who may write into the queue of a bucket. Pure."""

from typing import Any


def bucket_may_send(queue_arn: str, bucket: str) -> dict[str, Any]:
    """
    The statement of a queue's policy that lets S3 send on behalf of one bucket.

    It needs both conditions: a bucket of this name in another account is another bucket (the confused deputy).
    """
    _, partition, _, _, account, _ = queue_arn.split(":")
    return {
        "Sid": "TheBucketTells",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:{partition}:s3:::{bucket}"},
            "StringEquals": {"aws:SourceAccount": account},
        },
    }
