"""The doctor: content with what is good, and for each thing that can be wrong the remedy. On real parts."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from streams.check.examine import examine
from streams.check.finding import Finding, Role
from streams.contracts.topics import TOPICS
from tests.world import World

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examined(module_world: World, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Examines a role with these variables besides those of the world; gives the findings by what was looked at."""

    def look(role: Role, **wrong: str) -> dict[str, Finding]:
        for name, value in {**module_world.stack.environment(), **module_world.env, **wrong}.items():
            monkeypatch.setenv(name, value)
        return {each.subject: each for each in asyncio.run(examine(role))}

    return look


@pytest.mark.parametrize(
    ("role", "looked_at"),
    [
        ("bridge", {"settings", "temporary files", "kafka", "queue", "redrive", "notifications"}),
        ("classify", {"settings", "temporary files", "kafka", "bucket", "model"}),
        ("sink", {"settings", "temporary files", "kafka", "database", "schema"}),
    ],
)
def test_a_good_deployment_is_well_in_all_its_parts(examined: Examine, role: Role, looked_at: set[str]) -> None:
    found = examined(role)
    assert found.keys() >= looked_at
    assert [each for each in found.values() if each.state == "problem"] == []


@pytest.mark.parametrize(
    ("role", "wrong", "subject", "remedy"),
    [
        ("sink", {"DATABASE_READER_HOST": "nowhere.invalid"}, "reader", "look at DATABASE_READER_HOST"),
        ("sink", {"DATABASE_PASSWORD": "wrong"}, "database", "DATABASE_PASSWORD"),
        ("sink", {"DATABASE_NAME": "nobody"}, "database", "look at DATABASE_NAME"),
        ("sink", {"DATABASE_SSL": "true"}, "database", "look at DATABASE_SSL"),
        ("sink", {"DATABASE_HOST": "nowhere.invalid"}, "database", "look at DATABASE_HOST"),
        ("sink", {"DATABASE_NAME": "postgres"}, "schema", "petstream migrate up"),
        ("classify", {"MODEL_SHADOW_URI": "/nowhere.pt"}, "shadow model", "petstream model export"),
        ("classify", {"S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "bucket", "S3_ENDPOINT_URL"),
        ("bridge", {"SQS_ENDPOINT_URL": "http://127.0.0.1:9"}, "queue", "SQS_ENDPOINT_URL"),
        (
            "bridge",
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_FILE": "/nowhere.pem"},
            "settings",
            "KAFKA_SSL_CA_FILE",
        ),
        ("bridge", {"SQS_WAIT_SECONDS": "many"}, "settings", "SQS_WAIT_SECONDS"),
    ],
    ids=str,
)
def test_each_failure_has_a_remedy_that_names_its_setting(
    examined: Examine, role: Role, wrong: dict[str, str], subject: str, remedy: str
) -> None:
    found = examined(role, **wrong)
    assert remedy in (found[subject].remedy or ""), found


def test_a_reader_that_answers_is_well(examined: Examine, module_world: World) -> None:
    reader = examined("sink", DATABASE_READER_HOST=module_world.stack.environment()["DATABASE_HOST"])["reader"]
    assert reader.remedy is None


def test_too_few_partitions_are_noticed_where_it_was_said_how_many_there_should_be(
    examined: Examine, module_world: World
) -> None:
    topic = examined("bridge", KAFKA_PARTITIONS="50")[f"topic {module_world.prefix}image-uploads"]
    assert topic.found == "has 3 partitions; 50 are wanted"
    assert topic.remedy == "alter the topic: 50"


def test_topics_that_forget_too_soon_or_do_not_compact_are_noticed(examined: Examine, module_world: World) -> None:
    prefix = module_world.prefix + "wrong."
    wrong = {"image-classifications": {"retention.ms": "1000"}, "pipeline-status": {"cleanup.policy": "delete"}}
    module_world.stack.kafka.create_topics(
        {prefix + topic.name: 1 for topic in TOPICS},
        configs={prefix + topic.name: {**topic.config, **wrong.get(topic.name, {})} for topic in TOPICS},
    )
    found = examined("sink", KAFKA_TOPIC_PREFIX=prefix)
    assert "retention.ms=1209600000" in (found[f"topic {prefix}image-classifications"].remedy or "")
    assert "cleanup.policy=compact" in (found[f"topic {prefix}pipeline-status"].remedy or "")


def test_a_queue_without_a_second_chance_is_noticed(
    examined: Examine, module_world: World, make_bucket: Callable[..., tuple[str, str]]
) -> None:
    sqs: Any = module_world.stack.objects.sqs
    _, hasty = make_bucket(max_receive_count=1)
    assert "set maxReceiveCount" in (examined("bridge", SQS_QUEUE_URL=hasty)["redrive"].remedy or "")

    bare = sqs.create_queue(QueueName=f"bare-{module_world.bucket}")["QueueUrl"]
    assert "give it a redrive policy" in (examined("bridge", SQS_QUEUE_URL=bare)["queue"].remedy or "")

    gone = sqs.create_queue(QueueName=f"gone-{module_world.bucket}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=gone, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": "100"}
    sqs.set_queue_attributes(QueueUrl=bare, Attributes={"RedrivePolicy": json.dumps(policy)})
    sqs.delete_queue(QueueUrl=gone)
    redrive = examined("bridge", SQS_QUEUE_URL=bare)["redrive"]
    assert "is not there" in redrive.found
    assert "make that queue" in (redrive.remedy or "")


def test_a_bucket_that_tells_nobody_is_noticed(examined: Examine, module_world: World) -> None:
    silent = f"silent-{module_world.bucket}"
    module_world.stack.objects.s3.create_bucket(Bucket=silent)
    told = examined("bridge", S3_BUCKET=silent)["notifications"]
    assert f"petstream attach s3://{silent}" in (told.remedy or "")
