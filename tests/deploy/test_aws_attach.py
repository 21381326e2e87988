"""``petstream attach`` and ``detach`` in an emulator that enforces IAM, beside notifications of others."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError

from streams.app import attach
from streams.attach import delivery
from streams.attach.attachment import Attachment
from streams.attach.errors import AttachRefused, ChangedMeanwhile, NotDelivered
from streams.attach.plan import attach_steps
from streams.attach.reading import Reader
from streams.notifications.upload import ImageUploaded, parse
from streams.runtime.settings import AwsSettings, load
from tests.deploy.attaching import (
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
from tests.deploy.cloud import REGION, ROOT, Cloud


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    return shared_bucket(cloud)


@pytest.fixture
def reader(cloud: Cloud, bucket: str) -> Reader:
    return reader_of(cloud, bucket)


def bodies(cloud: Cloud, url: str) -> list[str]:
    answer = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
    for each in answer.get("Messages", []):
        cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [each["Body"] for each in answer.get("Messages", [])]


def test_a_bucket_is_attached_announces_an_upload_and_is_detached_as_it_was(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    done = command(cloud, "attach", f"s3://{bucket}", "--yes", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["backfill"] == f"petstream backfill s3://{bucket}/uploads/"
    assert {each["id"] for each in document["kept"]} == {"removals", "reports", "logs", "thumbnails", ""}
    url = document["settings"]["SQS_QUEUE_URL"]
    assert bodies(cloud, url) == []  # neither S3's test event nor anything about the test object is left
    assert everything(cloud, bucket)["versions"] == before["versions"]
    now = told(cloud, bucket)
    assert [each for each in now.pop("QueueConfigurations") if not each["Id"].startswith("petstream-")] == before[
        "told"
    ]["QueueConfigurations"]
    assert now == {key: value for key, value in before["told"].items() if key != "QueueConfigurations"}

    cloud.client("s3").put_object(Bucket=bucket, Key="uploads/ann/new.jpg", Body=b"a dog")
    (body,) = bodies(cloud, url)
    (upload,) = parse(body.encode())
    assert isinstance(upload, ImageUploaded)
    assert upload.key == "uploads/ann/new.jpg"

    cloud.client("s3").delete_object(
        Bucket=bucket,
        Key="uploads/ann/new.jpg",
        VersionId=cloud.client("s3").head_object(Bucket=bucket, Key="uploads/ann/new.jpg")["VersionId"],
    )
    gone = command(cloud, "detach", f"s3://{bucket}", *QUICK)
    assert gone.returncode == 0, gone.stderr
    assert everything(cloud, bucket) == before


def test_a_second_run_changes_nothing(cloud: Cloud, bucket: str) -> None:
    assert command(cloud, "attach", f"s3://{bucket}/uploads/", "--yes").returncode == 0
    before = everything(cloud, bucket)
    again = command(cloud, "attach", f"s3://{bucket}", "--prefix", "uploads/", "--yes")
    assert again.returncode == 0
    assert "attached already" in again.stdout
    assert everything(cloud, bucket) == before


def test_a_dry_run_shows_the_plan_and_changes_nothing(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    done = command(cloud, "attach", f"s3://{bucket}", "--dry-run")
    assert done.returncode == 0
    for word in ("create the queue", "dead-letter queue", "add the notification", "test object", "keep EventBridge"):
        assert word in done.stdout
    assert everything(cloud, bucket) == before


def test_without_an_answer_nothing_is_done(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    done = command(cloud, "attach", f"s3://{bucket}")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert everything(cloud, bucket) == before


def test_a_queue_that_holds_messages_stays_until_it_is_asked_for(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    document = json.loads(command(cloud, "attach", f"s3://{bucket}", "--yes", "--json").stdout)
    cloud.client("sqs").send_message(QueueUrl=document["settings"]["SQS_QUEUE_URL"], MessageBody="an upload")
    done = command(cloud, "detach", f"s3://{bucket}", *QUICK)
    assert done.returncode == 1
    assert "holds 1 messages" in done.stderr
    assert told(cloud, bucket) == before["told"]
    assert len(everything(cloud, bucket)["queues"]) == len(before["queues"]) + 2
    assert command(cloud, "detach", f"s3://{bucket}", "--delete-messages", *QUICK).returncode == 0
    assert everything(cloud, bucket) == before


def test_what_an_operator_changed_is_kept_and_what_is_missing_is_set(cloud: Cloud, bucket: str, reader: Reader) -> None:
    assert command(cloud, "attach", f"s3://{bucket}", "--yes").returncode == 0
    queue = reader.existing(reader.attachment.name)
    policy = json.loads(queue.attributes["Policy"])
    theirs = {**policy["Statement"][0], "Sid": "Theirs"}
    cloud.client("sqs").set_queue_attributes(
        QueueUrl=queue.url,
        Attributes={
            "VisibilityTimeout": "120",
            "RedrivePolicy": "",
            "Policy": json.dumps({**policy, "Statement": [theirs]}),
        },
    )
    assert command(cloud, "attach", f"s3://{bucket}", "--yes").returncode == 0
    mended = reader.existing(reader.attachment.name)
    assert mended.attributes["VisibilityTimeout"] == "120"
    assert mended.attributes["RedrivePolicy"] == queue.attributes["RedrivePolicy"]
    sids = [each["Sid"] for each in json.loads(mended.attributes["Policy"])["Statement"]]
    assert sids == ["Theirs", "TheBucketTells", "TlsOnly"]


def meanwhile(reader: Reader, event: str, change: Callable[[], object]) -> None:
    """Let somebody else change something once, at an event of boto3."""
    once = iter([change])

    def happen(**_: object) -> None:
        next(once, lambda: None)()

    reader.s3.meta.events.register(event, happen)


def test_a_change_by_somebody_else_between_plan_and_write_is_kept(cloud: Cloud, bucket: str, reader: Reader) -> None:
    steps = attach_steps(reader.attachment, reader.state(), check=False)
    theirs = {name: value for name, value in told(cloud, bucket).items() if name != "TopicConfigurations"}
    cloud.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=theirs)
    attach.make(reader, steps, begin=lambda _step: None, check_seconds=0)
    assert "TopicConfigurations" not in told(cloud, bucket)
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0
    assert told(cloud, bucket) == theirs


def test_a_conflict_that_appeared_since_the_plan_is_refused_before_the_write(
    cloud: Cloud, bucket: str, reader: Reader
) -> None:
    steps = attach_steps(reader.attachment, reader.state(), check=False)
    now = told(cloud, bucket)
    now["QueueConfigurations"][0]["Events"].append("s3:ObjectCreated:Copy")
    cloud.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=now)
    with pytest.raises(AttachRefused, match="removals"):
        attach.make(reader, steps, begin=lambda _step: None, check_seconds=0)
    assert told(cloud, bucket) == now


def test_a_write_by_somebody_else_right_after_ours_is_noticed(cloud: Cloud, bucket: str) -> None:
    s3 = cloud._connect("s3", ROOT, as_if_unencrypted=False)  # one of its own, for the event
    reader = Reader(s3, cloud.client("sqs"), Attachment.of(bucket, "uploads/"), patience_seconds=0.1)
    before = told(cloud, bucket)
    steps = attach_steps(reader.attachment, reader.state(), check=False)

    def theirs() -> None:
        cloud.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)

    meanwhile(reader, "after-call.s3.PutBucketNotificationConfiguration", theirs)
    with pytest.raises(ChangedMeanwhile, match="missing: queue"):
        attach.make(reader, steps, begin=lambda _step: None, check_seconds=0)
    assert command(cloud, "attach", f"s3://{bucket}", "--yes").returncode == 0
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0
    assert told(cloud, bucket) == before


@pytest.fixture
def opened(cloud: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """As the command opens it, with boto3's retries."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in (
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ROOT[0]),
        ("AWS_SECRET_ACCESS_KEY", ROOT[1]),
        ("S3_ENDPOINT_URL", cloud.endpoint_url),
        ("AWS_CA_BUNDLE", str(cloud.authority)),
    ):
        monkeypatch.setenv(name, value)
    return attach.opened(load(AwsSettings), Attachment.of(bucket, "uploads/"))


@pytest.mark.parametrize("answers", ["503 SlowDown", "409 OperationAborted", "nothing"])
def test_a_change_by_somebody_else_before_a_repeated_write_is_kept(
    answers: str, cloud: Cloud, bucket: str, opened: Reader
) -> None:
    before = told(cloud, bucket)
    theirs = {name: value for name, value in before.items() if name != "TopicConfigurations"}

    def refuse() -> AWSResponse:
        cloud.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=theirs)
        if answers == "nothing":
            raise ConnectionClosedError(endpoint_url=cloud.endpoint_url)
        status, code = answers.split()
        return answered(int(status), code, "Try again.")

    instead_of_a_write(opened, refuse)
    attach_all(opened, check=False)
    assert told(cloud, bucket)["QueueConfigurations"][-1]["Id"] == opened.attachment.name
    detach_all(opened)
    assert told(cloud, bucket) == theirs


def test_nobody_elses_destination_gets_a_test_event_or_has_to_work(cloud: Cloud, bucket: str, reader: Reader) -> None:
    sqs, others = cloud.client("sqs"), f"others-{bucket.replace('.', '-')}"
    url = sqs.get_queue_url(QueueName=others)["QueueUrl"]
    bodies(cloud, url)  # the test events of before
    attach_all(reader)
    assert not [body for body in bodies(cloud, url) if "s3:TestEvent" in body]
    detach_all(reader)
    sqs.delete_queue(QueueUrl=url)
    before = told(cloud, bucket)
    attach_all(reader)
    detach_all(reader)
    assert told(cloud, bucket) == before


def test_messages_that_wait_are_given_back_whoever_took_them_meanwhile(cloud: Cloud, bucket: str) -> None:
    sqs, watched = cloud.client("sqs"), cloud._connect("sqs", ROOT, as_if_unencrypted=False)  # the latter for the event
    reader = Reader(cloud.client("s3"), watched, Attachment.of(bucket, "uploads/"), patience_seconds=0.1)
    attach_all(reader, check=False)
    queue = reader.existing(reader.attachment.name)
    for each in range(12):
        sqs.send_message(QueueUrl=queue.url, MessageBody=f"upload {each}")

    def take_one(params: dict[str, Any], **_: object) -> None:
        for receipt in [each["ReceiptHandle"] for each in params["Entries"][:1]]:
            sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=receipt, VisibilityTimeout=0)
        sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=1)

    watched.meta.events.register("provide-client-params.sqs.ChangeMessageVisibilityBatch", take_one)
    attach_all(reader)
    visible = reader.existing(reader.attachment.name).attributes["ApproximateNumberOfMessages"]
    assert int(visible) == 12 - 2  # one by each of two requests
    detach_all(reader, delete_messages=True)


def test_a_queue_that_nobody_reads_ends_the_check_and_keeps_its_messages(
    cloud: Cloud, bucket: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_MAX_OTHERS", 5)
    attach_all(reader, check=False)
    queue = reader.existing(reader.attachment.name)
    for each in range(20):
        cloud.client("sqs").send_message(QueueUrl=queue.url, MessageBody=f"upload {each}")
    with pytest.raises(NotDelivered, match="petstream check bridge"):
        attach_all(reader)
    attributes = reader.existing(reader.attachment.name).attributes
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert int(attributes["ApproximateNumberOfMessages"]) >= 20
    detach_all(reader, delete_messages=True)


def test_two_prefixes_are_two_attachments_and_detach_names_what_is_left(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    assert command(cloud, "attach", f"s3://{bucket}", "--yes").returncode == 0
    photos = command(cloud, "attach", f"s3://{bucket}/photos/2026", "--yes", "--json")
    assert json.loads(photos.stdout)["settings"]["S3_KEY_PATTERN"] == "photos/{folder}/{user_name}/{name}"
    wrong = command(cloud, "detach", f"s3://{bucket}/photos/", "--yes")
    assert wrong.returncode == 0
    assert "nothing of petstream attach is here" in wrong.stdout
    assert f"still attached: s3://{bucket}/uploads/" in wrong.stdout
    assert f"still attached: s3://{bucket}/photos/2026" in wrong.stdout
    inside = command(cloud, "attach", f"s3://{bucket}/uploads/ann/", "--yes")
    assert inside.returncode == 2
    assert f"petstream detach s3://{bucket}/uploads/" in inside.stderr
    for prefix in ("photos/2026", "uploads/"):
        assert command(cloud, "detach", f"s3://{bucket}/{prefix}", *QUICK).returncode == 0
    assert everything(cloud, bucket) == before


def test_the_queues_of_a_bucket_that_is_gone_are_detached(cloud: Cloud, bucket: str) -> None:
    assert command(cloud, "attach", f"s3://{bucket}", "--yes").returncode == 0
    s3 = cloud.client("s3")
    for each in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    done = command(cloud, "detach", f"s3://{bucket}", *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    again = command(cloud, "detach", f"s3://{bucket}", *QUICK)
    assert again.returncode == 2
    assert "look at its name" in again.stderr
    assert not cloud.client("sqs").list_queues(QueueNamePrefix=f"petstream-{bucket.replace('.', '-')}").get("QueueUrls")
