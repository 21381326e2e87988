"""``petstream attach`` and ``detach`` in an emulator that enforces IAM, beside notifications of others."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final
from unittest import mock

import boto3
import pytest

from streams.app import attach
from streams.attach.attachment import CHECKED_TAG, Attachment
from streams.attach.errors import AttachRefused, ChangedMeanwhile
from streams.attach.notifications import ours, own
from streams.attach.performing import Performer
from streams.attach.plan import Action, attach_steps, detach_steps, wanted_of_queue
from streams.attach.queue_attributes import missing
from streams.attach.reading import Reader
from streams.notifications.upload import ImageUploaded, parse
from tests.commands import Done, petstream
from tests.deploy.cloud import ACCOUNT, REGION, ROOT, Cloud, Keys

POLICY: Final = Path(__file__).parents[2] / "deploy" / "aws" / "attach.json"
_NUMBERS: Final = count(1)
QUICK: Final = ("--yes", "--settle", "0")


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A versioned bucket with a picture, and notifications of others: a queue, a topic, a function, EventBridge."""
    name = f"pets.of-ours-{next(_NUMBERS):02}"
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


def bodies(cloud: Cloud, url: str) -> list[str]:
    answer = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
    for each in answer.get("Messages", []):
        cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [each["Body"] for each in answer.get("Messages", [])]


@pytest.fixture
def reader(cloud: Cloud, bucket: str) -> Reader:
    return Reader(cloud.client("s3"), cloud.client("sqs"), Attachment.of(bucket, "uploads/"), patience_seconds=0.1)


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


def performed(reader: Reader, *actions: Action) -> None:
    performer = Performer(reader, now=lambda: datetime.now(UTC), check_seconds=20)
    for action in actions:
        performer.perform(action)


def test_interrupted_after_any_step_the_next_run_goes_on_from_there(cloud: Cloud, bucket: str, reader: Reader) -> None:
    before = everything(cloud, bucket)
    actions = [step.action for step in attach_steps(reader.attachment, reader.state(), check=True)]
    assert len(actions) == 5
    for done, action in enumerate(actions):
        rest = attach_steps(reader.attachment, reader.state(), check=True)
        assert [step.action for step in rest] == actions[done:]
        performed(reader, action)
        performed(reader, action)  # the kill may come before the step is known to be done
    assert not attach_steps(reader.attachment, reader.state(), check=True)
    back = [step.action for step in detach_steps(reader.attachment, reader.state())]
    assert len(back) == 3
    for done, action in enumerate(back):
        rest = detach_steps(reader.attachment, reader.state())
        assert [step.action for step in rest] == back[done:]
        performed(reader, action)
        performed(reader, action)
    assert everything(cloud, bucket) == before


@pytest.mark.parametrize("done", [1, 2, 3, 4])
def test_a_run_after_an_interruption_ends_where_an_undisturbed_one_ends(
    done: int, cloud: Cloud, bucket: str, reader: Reader
) -> None:
    performed(reader, *[step.action for step in attach_steps(reader.attachment, reader.state(), check=True)][:done])
    rest = attach_steps(reader.attachment, reader.state(), check=True)
    attach.make(reader, rest, begin=lambda _step: None, check_seconds=20)
    state = reader.state()
    assert state.queue is not None
    assert state.dead_letters is not None
    assert not missing(wanted_of_queue(reader.attachment, state.queue), state.queue.attributes)
    assert own(state.notifications, reader.attachment.name) == ours(reader.attachment.name, state.queue.arn, "uploads/")
    assert CHECKED_TAG in state.queue.tags


def test_a_test_object_that_a_kill_left_is_cleaned_up(
    cloud: Cloud, bucket: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(cloud, bucket)
    actions = [step.action for step in attach_steps(reader.attachment, reader.state(), check=False)]
    performed(reader, *actions)
    left = f"uploads/petstream-attach-check/{'0' * 32}/"
    cloud.client("s3").put_object(Bucket=bucket, Key=left, Body=b"")
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0
    assert everything(cloud, bucket) == before


def test_a_destination_of_the_same_uploads_is_refused_with_what_to_do(cloud: Cloud, bucket: str) -> None:
    before = everything(cloud, bucket)
    for prefix in ("logs/nginx/", "up", ""):
        done = command(cloud, "attach", f"s3://{bucket}", "--prefix", prefix, "--yes")
        assert done.returncode == 2
        assert "has these events already" in done.stderr
        assert "another --prefix" in done.stderr
    assert everything(cloud, bucket) == before


def test_a_queue_of_that_name_that_somebody_else_made_is_left_alone(cloud: Cloud, bucket: str) -> None:
    name = Attachment.of(bucket, "uploads/").name
    cloud.client("sqs").create_queue(QueueName=name)
    before = everything(cloud, bucket)
    done = command(cloud, "attach", f"s3://{bucket}", "--yes")
    assert done.returncode == 2
    assert "did not make" in done.stderr
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0
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


def test_a_foreign_destination_that_is_gone_is_named_and_does_not_stop_a_detach(cloud: Cloud, bucket: str) -> None:
    assert command(cloud, "attach", f"s3://{bucket}", "--yes").returncode == 0
    others = f"others-{bucket.replace('.', '-')}"
    cloud.client("sqs").delete_queue(QueueUrl=cloud.client("sqs").get_queue_url(QueueName=others)["QueueUrl"])
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0
    done = command(cloud, "attach", f"s3://{bucket}", "--yes")
    assert done.returncode == 2
    assert others in done.stderr
    assert "repair or remove" in done.stderr
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0


def test_a_bucket_of_another_region_or_name_is_refused_with_the_remedy(cloud: Cloud, bucket: str) -> None:
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


# --- deploy/aws/attach.json -----------------------------------------------------------------------------------------


def shipped(bucket: str) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(POLICY.read_text().replace("BUCKET", bucket))
    return policy


def operator(cloud: Cloud, policy: dict[str, Any]) -> Keys:
    iam, name = cloud.client("iam"), f"operator-{next(_NUMBERS)}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="attach", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


ACTIONS: Final = {
    "HeadBucket": {"s3:ListBucket"},
    "ListObjectVersions": {"s3:ListBucketVersions"},
    "GetBucketNotificationConfiguration": {"s3:GetBucketNotification"},
    "PutBucketNotificationConfiguration": {"s3:PutBucketNotification"},
    "DeleteObject": {"s3:DeleteObjectVersion"},  # always with a version
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


@pytest.mark.parametrize("action", ["s3:PutBucketNotification", "sqs:CreateQueue"])
def test_a_missing_permission_is_named_and_nothing_of_others_changes(action: str, cloud: Cloud, bucket: str) -> None:
    before = told(cloud, bucket)
    policy = shipped(bucket)
    for statement in policy["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    done = command(cloud, "attach", f"s3://{bucket}", "--yes", keys=operator(cloud, policy))
    assert done.returncode == 2
    assert f"allow {action}" in done.stderr
    assert "deploy/aws/attach.json" in done.stderr
    assert command(cloud, "detach", f"s3://{bucket}", *QUICK).returncode == 0
    assert told(cloud, bucket) == before
