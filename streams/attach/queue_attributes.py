"""
Attributes of the two queues, the same as in deploy/aws/ingest.yaml (a test compares them). Pure.

Values that an operator changed are kept: ``missing`` names only what is not there.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from deploy.queue_policy import bucket_may_send

_FOURTEEN_DAYS: Final = 14 * 24 * 3600
MAX_RECEIVE_COUNT: Final = 100
"""Why so many: deploy/aws/ingest.yaml, MaxReceiveCount."""

_COMMON: Final = {
    "MessageRetentionPeriod": str(_FOURTEEN_DAYS),
    "MaximumMessageSize": "262144",
    "SqsManagedSseEnabled": "true",
}


def queue_attributes(dead_letters_arn: str, name: str, bucket: str) -> dict[str, str]:
    """Everything that the queue is created with. Its policy is there from the first moment: S3 asks for it at once."""
    arn = sibling(dead_letters_arn, name)
    return {
        **_COMMON,
        "ReceiveMessageWaitTimeSeconds": "20",
        "VisibilityTimeout": "60",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters_arn, "maxReceiveCount": MAX_RECEIVE_COUNT}),
        "Policy": _policy(bucket_may_send(arn, bucket), _tls_only(arn)),
    }


def dead_letters_attributes() -> dict[str, str]:
    """What the dead-letter queue is created with. The rest names ARNs, which are known once it exists."""
    return dict(_COMMON)


def dead_letters_rules(arn: str, name: str) -> dict[str, str]:
    """Who may use the dead-letter queue: only the queue ``name`` beside it, only over TLS."""
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [sibling(arn, name)]}
    return {"RedriveAllowPolicy": json.dumps(allow), "Policy": _policy(_tls_only(arn))}


def missing(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """
    What has to be set: policies that are absent, and the queue's policy where one of our statements is absent.

    Other statements are kept. Statements are recognised by their Sid.
    """
    absent = {
        name: wanted[name] for name in ("RedrivePolicy", "RedriveAllowPolicy") if name in wanted and not found.get(name)
    }
    policy = json.loads(found.get("Policy") or "{}")
    statements = policy.get("Statement", [])
    there = statements if isinstance(statements, list) else [statements]
    ours = json.loads(wanted["Policy"])
    added = [each for each in ours["Statement"] if each["Sid"] not in {kept.get("Sid") for kept in there}]
    if added:
        absent["Policy"] = json.dumps({**ours, **policy, "Statement": [*there, *added]})
    return absent


def sibling(arn: str, name: str) -> str:
    """The ARN of another queue of the same account and region."""
    return f"{arn.rpartition(':')[0]}:{name}"


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _tls_only(arn: str) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
