"""``petstream attach`` where it cannot be done: says what to do, and what was made can be gone on with or undone."""

import json
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from streams.attach.attachment import Attachment
from streams.attach.errors import AttachRefused, QueueHoldsMessages
from streams.attach.plan import attach_steps
from streams.attach.reading import Reader
from tests.deploy.attaching import (
    NUMBERS,
    QUICK,
    answered,
    attach_all,
    command,
    detach_all,
    everything,
    instead_of_a_write,
    reader_of,
    shared_bucket,
    told,
)
from tests.deploy.cloud import ROOT, Cloud, Keys

POLICY: Final = Path(__file__).parents[2] / "deploy" / "aws" / "attach.json"


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    return shared_bucket(cloud)


def test_a_destination_of_the_same_uploads_is_refused_with_what_to_do(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    for prefix, ids in (("logs/nginx/", {"logs"}), ("up", {"thumbnails"}), ("", {"logs", "reports", "thumbnails"})):
        done = command(cloud, "attach", f"s3://{bucket}", "--prefix", prefix, "--yes")
        assert done.returncode == 2
        assert {each for each in ("logs", "removals", "reports", "thumbnails") if f"({each})" in done.stderr} == ids
        assert "others get uploads already" in done.stderr
        assert "another --prefix" in done.stderr
    assert everything(cloud, bucket) == before


def test_a_queue_of_that_name_that_somebody_else_made_is_left_alone(cloud: Cloud, bucket: str) -> None:
    name = Attachment.of(bucket, "uploads/").name
    cloud.client("sqs").create_queue(QueueName=name)
    before = everything(cloud, bucket)
    done = command(cloud, "attach", f"s3://{bucket}", "--yes")
    assert done.returncode == 2
    assert "did not make" in done.stderr
    assert f"petstream-attach=s3://{bucket}/uploads/" in done.stderr
    done = command(cloud, "detach", f"s3://{bucket}", *QUICK)
    assert done.returncode == 0
    assert f"left alone, because it has other tags: {name}" in done.stdout
    assert everything(cloud, bucket) == before


def test_a_bucket_of_another_region_account_or_name_is_refused_with_the_remedy(cloud: Cloud, bucket: str) -> None:
    done = command(cloud, "attach", "s3://there-is-none", "--yes")
    assert done.returncode == 2
    assert "there-is-none" in done.stderr
    assert command(cloud, "attach", f"s3://{bucket}", "--prefix", "mit Leerzeichen/", "--yes").returncode == 2
    cloud.client("s3").create_bucket(
        Bucket="pets-in-europe", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    done = command(cloud, "attach", "s3://pets-in-europe", "--yes")
    assert done.returncode == 2
    assert "set AWS_REGION=eu-central-1" in done.stderr
    cloud.client("s3", ("111122223333", "somebody-elses")).create_bucket(Bucket="somebody-elses-pets")
    done = command(cloud, "attach", "s3://somebody-elses-pets", "--yes")
    assert done.returncode == 2
    assert "if it is yours" in done.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, "InvalidArgument", "Configurations overlap. Configurations on the same bucket …"), "(reports)"),
        ((400, "InvalidArgument", "… Cannot have overlapping suffixes in two rules if …"), "(reports)"),
        ((403, "AccessDenied", "Access Denied"), "belong to account 000000000000"),
    ],
)
def test_what_only_s3_can_tell_is_told_with_what_to_do(
    answer: tuple[int, str, str], said: str, cloud: Cloud, bucket: str
) -> None:
    before = told(cloud, bucket)
    s3 = cloud._connect("s3", ROOT, as_if_unencrypted=False)  # one of its own, for the events
    reader = Reader(s3, cloud.client("sqs"), Attachment.of(bucket, "uploads/"), patience_seconds=0.1)
    sent: list[dict[str, Any]] = []
    reader.s3.meta.events.register(
        "provide-client-params.s3.PutBucketNotificationConfiguration", lambda params, **_: sent.append(params)
    )
    instead_of_a_write(reader, lambda: answered(*answer))
    with pytest.raises(AttachRefused) as refused:
        attach_all(reader)
    assert said in str(refused.value)
    assert sent[0]["ExpectedBucketOwner"] == "000000000000"
    assert told(cloud, bucket) == before


def test_test_objects_that_the_bucket_keeps_stop_no_detach(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), "kept-for-a-day"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    kept = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": kept}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    done = command(cloud, "attach", f"s3://{bucket}", "--yes")
    assert done.returncode == 2
    assert "--check-seconds 0" in done.stderr
    assert command(cloud, "attach", f"s3://{bucket}", "--yes", "--check-seconds", "0").returncode == 0
    done = command(cloud, "detach", f"s3://{bucket}", *QUICK)
    assert done.returncode == 2
    assert "test object" in done.stderr
    assert told(cloud, bucket) == {}
    assert not cloud.client("sqs").list_queues(QueueNamePrefix=f"petstream-{bucket}").get("QueueUrls")


def shipped(bucket: str) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(POLICY.read_text().replace("BUCKET", bucket))
    return policy


def operator(cloud: Cloud, policy: dict[str, Any]) -> Keys:
    iam, name = cloud.client("iam"), f"operator-{next(NUMBERS)}"
    statements = list(policy["Statement"])
    if any("sqs:ChangeMessageVisibility" in each["Action"] for each in statements):
        batch = "sqs:ChangeMessageVisibilityBatch"  # the emulator asks for a permission that AWS does not have
        statements.append({"Effect": "Allow", "Action": [batch], "Resource": "*"})
    iam.create_user(UserName=name)
    document = json.dumps({**policy, "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="attach", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


ACTIONS: Final = {
    "HeadBucket": {"s3:ListBucket"},
    "ListObjectVersions": {"s3:ListBucketVersions"},
    "GetBucketNotificationConfiguration": {"s3:GetBucketNotification"},
    "PutBucketNotificationConfiguration": {"s3:PutBucketNotification"},
    "DeleteObject": {"s3:DeleteObjectVersion"},  # always with a version
    "ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility"},
    "CreateQueue": {"sqs:CreateQueue", "sqs:TagQueue"},  # always with tags
}
"""Where a permission has another name than the request. Source: AWS service authorization reference."""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The permissions that the requests of all new clients need."""
    needed: set[str] = set()

    def note(model: Any, **_: object) -> None:
        service = model.service_model.service_name
        needed.update(ACTIONS.get(model.name, {f"{service}:{model.name}"}))

    connect = boto3.client

    def client(*arguments: Any, **options: Any) -> Any:
        made = connect(*arguments, **options)
        made.meta.events.register("before-call", note)
        return made

    monkeypatch.setattr(boto3, "client", client)
    return needed


def test_the_shipped_policy_suffices_and_grants_nothing_else(cloud: Cloud, bucket: str, requests: set[str]) -> None:
    before = everything(cloud, bucket)
    keys = operator(cloud, shipped(bucket))
    done = command(cloud, "attach", f"s3://{bucket}", "--yes", keys=keys)
    assert (done.returncode, done.stderr) == (0, "")
    url = cloud.client("sqs").get_queue_url(QueueName=Attachment.of(bucket, "uploads/").name)["QueueUrl"]
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="an upload")  # is looked at and given back
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK, keys=keys).returncode == 1
    assert command(cloud, "detach", f"s3://{bucket}", "--delete-messages", *QUICK, keys=keys).returncode == 0
    assert everything(cloud, bucket) == before
    assert requests == {action for statement in shipped(bucket)["Statement"] for action in statement["Action"]}


def test_each_missing_permission_is_named_and_with_it_all_goes_on(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    root = reader_of(cloud, bucket)
    for action in (action for statement in shipped(bucket)["Statement"] for action in statement["Action"]):
        policy = shipped(bucket)
        for statement in policy["Statement"]:
            statement["Action"] = [each for each in statement["Action"] if each != action]
        lacking = reader_of(cloud, bucket, operator(cloud, policy))
        refusals = []
        for work in (attach_all, detach_all, lambda reader: detach_all(reader, delete_messages=True)):
            try:
                work(lacking)
            except QueueHoldsMessages:
                pass
            except AttachRefused as refused:
                refusals.append(str(refused))
            if work is attach_all:
                attach_all(root)
                assert not attach_steps(root.attachment, root.state(), check=True)
                queue = root.existing(root.attachment.name)
                cloud.client("sqs").send_message(QueueUrl=queue.url, MessageBody="an upload")
        assert refusals, action
        assert all(f"allow {action}" in each or f"and {action}" in each for each in refusals), (action, refusals)
        detach_all(root, delete_messages=True)
        assert everything(cloud, bucket) == before
