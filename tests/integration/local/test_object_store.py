"""The stand-in for S3 and SQS has to be as awkward as the real ones: these are the facts that petstream relies on."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from deploy.local.buckets import ObjectStoreClients
from deploy.local.errors import PartUnavailable
from deploy.local.object_store import ObjectStore
from deploy.local.stack import Stack
from streams.contracts.identity import NO_SEQUENCER, pad_sequencer

AWKWARD_KEY = "uploads/ann/a cat+é 100%.jpg"


def receive(store: Any, queue_url: str, *, wait_seconds: int = 20) -> list[dict[str, Any]]:
    answer = store.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def drain(store: Any, queue_url: str, count: int) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []
    while len(bodies) < count and (received := receive(store, queue_url)):
        bodies += received
    return bodies


def test_an_upload_is_reported_in_the_shape_of_s3(stack: Stack, make_bucket: Callable[..., tuple[str, str]]) -> None:
    bucket, queue_url = make_bucket()
    put = stack.objects.s3.put_object(Bucket=bucket, Key=AWKWARD_KEY, Body=b"abc", Metadata={"user-name": "ann"})
    test_event, told = drain(stack.objects, queue_url, 2)
    assert test_event["Event"] == "s3:TestEvent"
    assert "Records" not in test_event
    (record,) = told["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventVersion"].startswith("2.")
    assert record["s3"]["bucket"]["name"] == bucket
    described = record["s3"]["object"]
    assert described["key"] == "uploads/ann/a+cat%2B%C3%A9+100%25.jpg"  # form-encoded, slashes kept
    assert described["versionId"] == put["VersionId"]
    assert described["size"] == 3
    assert pad_sequencer(described["sequencer"]) > NO_SEQUENCER


def test_only_uploads_below_the_prefix_are_reported(stack: Stack, make_bucket: Callable[..., tuple[str, str]]) -> None:
    bucket, queue_url = make_bucket()
    stack.objects.s3.put_object(Bucket=bucket, Key="elsewhere/a.jpg", Body=b"abc")
    stack.objects.s3.put_object(Bucket=bucket, Key="uploads/a.jpg", Body=b"abc")
    _, told = drain(stack.objects, queue_url, 2)
    assert told["Records"][0]["s3"]["object"]["key"] == "uploads/a.jpg"
    assert receive(stack.objects, queue_url, wait_seconds=0) == []


def test_a_later_upload_of_the_same_key_has_a_greater_sequencer(
    stack: Stack, make_bucket: Callable[..., tuple[str, str]]
) -> None:
    bucket, queue_url = make_bucket()
    for _ in range(2):
        stack.objects.s3.put_object(Bucket=bucket, Key="uploads/a.jpg", Body=b"abc")
    told = drain(stack.objects, queue_url, 3)[1:]
    first, second = (pad_sequencer(event["Records"][0]["s3"]["object"]["sequencer"]) for event in told)
    assert first < second


def test_a_message_that_nobody_deletes_comes_back_and_ends_among_the_dead_letters(
    stack: Stack, make_bucket: Callable[..., tuple[str, str]], eventually: Callable[..., None]
) -> None:
    _, queue_url = make_bucket(visibility_timeout_seconds=0, max_receive_count=2)
    assert len(receive(stack.objects, queue_url)) == 1
    assert len(receive(stack.objects, queue_url)) == 1
    eventually(lambda: receive(stack.objects, queue_url, wait_seconds=0) == [])
    dead_letters = f"{queue_url}-dead-letters"
    assert receive(stack.objects, dead_letters)[0]["Event"] == "s3:TestEvent"


def test_a_received_message_stays_hidden_until_its_time_is_over(
    stack: Stack, make_bucket: Callable[..., tuple[str, str]], eventually: Callable[..., None]
) -> None:
    _, queue_url = make_bucket(visibility_timeout_seconds=1)
    began = time.monotonic()
    assert len(receive(stack.objects, queue_url)) == 1
    again = receive(stack.objects, queue_url, wait_seconds=0)
    assert again == [] or time.monotonic() - began >= 1  # on a busy machine its time may be over
    eventually(lambda: receive(stack.objects, queue_url, wait_seconds=0))


def test_the_queue_takes_messages_from_this_bucket_alone(
    stack: Stack, make_bucket: Callable[..., tuple[str, str]]
) -> None:
    bucket, queue_url = make_bucket()
    answer = stack.objects.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["Policy"])
    (statement,) = json.loads(answer["Attributes"]["Policy"])["Statement"]
    assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}
    assert "aws:SourceAccount" in statement["Condition"]["StringEquals"]


async def test_obstore_reads_body_and_user_metadata(stack: Stack, make_bucket: Callable[..., tuple[str, str]]) -> None:
    bucket, _ = make_bucket()
    stack.objects.s3.put_object(Bucket=bucket, Key=AWKWARD_KEY, Body=b"abc", Metadata={"user-name": "ann"})
    store = S3Store(
        bucket,
        endpoint=stack.objects.endpoint_url,
        region=stack.objects.region,
        access_key_id=stack.objects.access_key,
        secret_access_key=stack.objects.secret_key,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    got = await obstore.get_async(store, AWKWARD_KEY)
    assert bytes(await got.bytes_async()) == b"abc"
    assert got.attributes["user-name"] == "ann"


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[ObjectStore]:
    """One that may be restarted: its neighbours' messages are in another."""
    try:
        store = ObjectStore(tmp_path)
    except PartUnavailable as missing:
        pytest.skip(str(missing))
    try:
        store.start()
        yield store
    finally:
        store.kill()


def test_a_clean_stop_keeps_objects_messages_and_settings(own_store: ObjectStore) -> None:
    queue_url = own_store.create_bucket_with_queue("pictures", "uploads")
    own_store.s3.put_object(Bucket="pictures", Key="uploads/1.jpg", Body=b"one", Metadata={"user-name": "ann"})
    own_store.restart()
    kept = own_store.s3.get_object(Bucket="pictures", Key="uploads/1.jpg")
    assert (kept["Body"].read(), kept["Metadata"]) == (b"one", {"user-name": "ann"})
    own_store.s3.put_object(Bucket="pictures", Key="uploads/2.jpg", Body=b"two")
    assert len(drain(own_store, queue_url, 3)) == 3  # the test event, and one for each upload


def test_a_kill_forgets_the_queue_and_keeps_the_objects(own_store: ObjectStore) -> None:
    queue_url = own_store.create_bucket_with_queue("pictures", "uploads")
    own_store.s3.put_object(Bucket="pictures", Key="uploads/1.jpg", Body=b"one")
    own_store.kill()
    own_store.start()
    assert own_store.s3.get_object(Bucket="pictures", Key="uploads/1.jpg")["Body"].read() == b"one"
    with pytest.raises(own_store.sqs.exceptions.QueueDoesNotExist):
        receive(own_store, queue_url)


def test_a_proxy_of_the_environment_is_not_asked(own_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    clients = ObjectStoreClients(own_store.endpoint_url, own_store.region, "key", "secret")
    assert clients.s3.list_buckets()["Buckets"] == []
