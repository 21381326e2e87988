"""What an operator asks of a secured broker: topics, the doctor, what waits."""

import asyncio
import json
import os

import pytest

from deploy.local.ports import LOOPBACK
from tests.acls import allow
from tests.secured import ROLES, Secured, allow_all, petstream, with_scram
from tests.world import World


def test_an_operator_creates_and_checks_the_topics_and_sees_what_waits(secured: Secured) -> None:
    prefix = f"operated-{os.getpid()}."
    asyncio.run(allow(secured[0].bootstrap_servers, "operator", "User:operator", prefix=prefix))
    environment = with_scram(secured, "operator") | {"KAFKA_TOPIC_PREFIX": prefix, "KAFKA_REPLICATION_FACTOR": "1"}
    created = petstream(environment, "topics", "create")
    assert (created.exit_code, "pipeline-status" in created.stdout) == (0, True), created.output
    assert petstream(environment, "topics", "check").exit_code == 0
    waiting = petstream(environment, "retries", "list")
    assert (waiting.exit_code, waiting.stdout) == (0, ""), waiting.output
    refused = petstream(environment | with_scram(secured, "nobody"), "topics", "check")
    assert refused.exit_code == 1
    assert "Traceback" not in refused.output


@pytest.mark.parametrize("role", ["reconcile", "operator"])
def test_who_reconciles_sees_what_waits_and_enqueues_the_rest(role: str, secured: Secured, world: World) -> None:
    asyncio.run(allow(secured[0].bootstrap_servers, role, f"User:{role}", prefix=world.prefix))
    for key in ("old/waits.png", "old/lost.png"):
        world.put(key, b"x")
    asyncio.run(world.publish(world.notification("old/waits.png")))
    call = ("reconcile", f"s3://{world.bucket}/old/", "--enqueue", "--grace", "0", "--json")
    environment = world.stack.environment() | dict(world.env)
    done = petstream(environment | with_scram(secured, role), *call)
    assert done.exit_code == 1, done.output
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["waiting"], summary["missing"], summary["enqueued"]) == (1, 1, 1)
    refused = petstream(environment | with_scram(secured, "nobody"), *call)
    assert (refused.exit_code, "Traceback" in refused.output) == (2, False)


@pytest.mark.parametrize("role", ROLES)
def test_the_doctor_is_content_with_the_permissions_of_the_role(role: str, secured: Secured, world: World) -> None:
    asyncio.run(allow_all(world))
    nowhere = f"http://{LOOPBACK}:1"
    others = {"SQS_QUEUE_URL": f"{nowhere}/queue", "S3_ENDPOINT_URL": nowhere, "MODEL_URI": "/nowhere.pt"}
    database = {"DATABASE_HOST": LOOPBACK, "DATABASE_PORT": "1", "DATABASE_NAME": "n", "DATABASE_USERNAME": "u"}
    others |= database | {"DATABASE_PASSWORD": "p", "KAFKA_TOPIC_PREFIX": world.prefix, "COLUMNS": "300"}
    said = petstream(with_scram(secured, role) | others, "check", role).stdout
    assert "topics are as they should be" in said
    assert "has all required ACLs" in said
    refused = petstream(with_scram(secured, "nobody") | others, "check", role).stdout
    assert "petstream topics permissions" in refused


def test_the_doctor_names_the_operation_that_a_role_lacks(secured: Secured, world: World) -> None:
    only_reads = allow(world.stack.kafka.bootstrap_servers, "classify", "User:nobody", prefix=world.prefix)
    asyncio.run(only_reads)
    queue = {"SQS_QUEUE_URL": f"http://{LOOPBACK}:1/queue", "SQS_ENDPOINT_URL": f"http://{LOOPBACK}:1"}
    environment = with_scram(secured, "nobody") | queue | {"KAFKA_TOPIC_PREFIX": world.prefix}
    said = petstream(environment, "check", "bridge").stdout
    assert f"lacks WRITE on the topic {world.prefix}image-uploads" in said
    assert "petstream topics permissions bridge" in said


def test_the_doctor_names_the_credentials_when_they_are_wrong(secured: Secured) -> None:
    queue = {"SQS_QUEUE_URL": f"http://{LOOPBACK}:1/queue", "SQS_ENDPOINT_URL": f"http://{LOOPBACK}:1"}
    said = petstream(with_scram(secured, "operator", "wrong") | queue, "check", "bridge")
    assert said.exit_code == 1
    assert "KAFKA_SASL_PASSWORD" in " ".join(said.stdout.split())
