"""Kafka as people have it: TLS, SCRAM, tokens, access control. On a real broker with real listeners."""

import asyncio
import copy
import itertools
import json
import os
import time
import urllib.request
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from typer.testing import CliRunner, Result

from deploy.local.kafka import ApacheKafka
from deploy.local.kafka_settings import SecuredListeners
from deploy.local.pipeline import Role
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.stack import Stack
from deploy.local.tls import self_signed
from streams.cli import app
from streams.kafka_security import MSK_IAM, MskTokens, client_options
from streams.settings import InvalidSettingsError, KafkaSettings, load
from tests.absent import cannot_run
from tests.acls import allow
from tests.world import World, create

REAUTHENTICATION_SECONDS = 4
NUMBERS = itertools.count(1)
ROLES: Final[tuple[Role, ...]] = ("bridge", "classify", "sink")
USERS = {role: f"secret of {role}" for role in (*ROLES, "board", "reconcile", "operator", "nobody")}

SIGNER = '''
import base64, json, os, time

class MSKAuthTokenProvider:
    """Signs nothing: a token that a broker takes which was told to verify none."""

    @staticmethod
    def generate_auth_token(region):
        assert region == "us-east-1"
        expires = int(time.time()) + 60
        claims = {"sub": os.environ["STUB_PRINCIPAL"], "iat": expires - 61, "exp": expires}
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".", expires * 1000
'''

Secured = tuple[ApacheKafka, SecuredListeners]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Secured]:
    if not isinstance(stack.kafka, ApacheKafka):
        cannot_run(f"is about Apache Kafka's listeners, and this stack has {stack.kafka.kind}")
    folder = tmp_path_factory.mktemp("secured")
    listeners = SecuredListeners(
        free_port(),
        free_port(),
        free_port(),
        self_signed(folder / "tls"),
        USERS,
        reauthentication_ms=REAUTHENTICATION_SECONDS * 1000,
    )
    kafka = ApacheKafka(folder, secured=listeners)
    try:
        kafka.start()
        yield kafka, listeners
    finally:
        kafka.kill()


@pytest.fixture
def world(secured: Secured, stack: Stack, quick_model: Path, migrated: str) -> Iterator[World]:
    own = copy.copy(stack)  # the same database and store, another Kafka
    own.kafka = secured[0]
    world = create(own, f"secured-{os.getpid()}-{next(NUMBERS)}", quick_model, template=migrated)
    try:
        yield world
    finally:
        world.stop()


@pytest.fixture
def signer(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH whose MSK signer is a stub."""
    package = tmp_path / "aws_msk_iam_sasl_signer"
    package.mkdir()
    (package / "__init__.py").write_text(SIGNER)
    return tmp_path


def over_tls(secured: Secured) -> dict[str, str]:
    _, listeners = secured
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{listeners.tls_port}",
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CA_FILE": str(listeners.certificate.ca_certificate),
    }


def with_scram(secured: Secured, user: str, password: str | None = None) -> dict[str, str]:
    return over_tls(secured) | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{secured[1].scram_port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": user,
        "KAFKA_SASL_PASSWORD": password or USERS[user],
    }


def with_tokens(secured: Secured, user: str, signer: Path) -> dict[str, str]:
    return over_tls(secured) | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{secured[1].oauth_port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": MSK_IAM,
        "STUB_PRINCIPAL": user,
        "PYTHONPATH": str(signer),
    }


async def allow_all(world: World) -> None:
    for role in ROLES:
        await allow(world.stack.kafka.bootstrap_servers, role, f"User:{role}", prefix=world.prefix)


def petstream(environment: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environment)


async def test_each_role_does_its_work_with_the_least_permissions(
    secured: Secured, world: World, signer: Path, chelsea: bytes
) -> None:
    """By tokens, and longer than a token lasts: each is renewed in time, and nothing is lost meanwhile."""
    await allow_all(world)
    for role in ROLES:
        world.start(role, env=with_tokens(secured, role, signer), wait=False)
    keys = [f"uploads/ann/{i}.png" for i in range(8)]
    for worker in world.workers:
        worker.wait_ready()
    world.put("uploads/ann/broken.png", b"no picture")
    began = time.monotonic()
    for key in keys:
        world.put(key, chelsea)
        await asyncio.sleep(REAUTHENTICATION_SECONDS / 3)
    assert time.monotonic() - began > 2 * REAUTHENTICATION_SECONDS  # each connection ended at least once meanwhile
    assert world.wait_outcomes(*keys, "uploads/ann/broken.png") == dict.fromkeys(keys, "cat") | {
        "uploads/ann/broken.png": "unsupported_format"
    }


def shown_condition(url: str) -> dict[str, Any]:
    """What a board shows once it has seen a cat and knows that nothing waits."""
    with urllib.request.urlopen(url, timeout=60) as stream:  # noqa: S310 - our own http URL
        for line in stream:  # bounded by the test's own time-out
            if line.startswith(b"data: "):
                frame = json.loads(line.removeprefix(b"data: "))
                condition = dict(frame["condition"])
                waiting = condition.get("waiting_uploads"), condition.get("waiting_results")
                if frame["seen"] == {"cat": 1} and waiting == (0, 0):
                    return condition
    raise AssertionError("the stream ended")


async def test_some_come_over_tls_and_others_with_a_password_and_a_board_sees_their_work(
    secured: Secured, world: World, chelsea: bytes
) -> None:
    """TLS without a client's certificate: anybody. With a password: a role that has its least permissions."""
    for role in ("sink", "board"):
        await allow(secured[0].bootstrap_servers, role, f"User:{role}", prefix=world.prefix)
    port = free_port()
    world.start("bridge", "classify", env=over_tls(secured), wait=False)
    world.start("sink", env=with_scram(secured, "sink"), wait=False)
    world.start("board", env=with_scram(secured, "board") | {"BOARD_PORT": str(port)}, wait=False)
    for worker in world.workers:
        worker.wait_ready()
    world.put("uploads/ann/cat.png", chelsea)
    assert world.wait_outcomes("uploads/ann/cat.png") == {"uploads/ann/cat.png": "cat"}
    condition = await asyncio.to_thread(shown_condition, f"http://{LOOPBACK}:{port}/api/events")
    assert (condition["kafka"], condition["storing"]) == ("there", "ok")


async def test_a_missing_permission_is_an_outage_that_ends_when_it_is_given(
    secured: Secured, world: World, chelsea: bytes
) -> None:
    (bridge,) = world.start("bridge", env=with_scram(secured, "bridge"))
    world.put("uploads/ann/cat.png", chelsea)
    world.eventually(lambda: (bridge.health() or {}).get("status") == "degraded")
    assert "TopicAuthorizationFailedError" in (bridge.health() or {})["warnings"][0]
    assert world.left_in_queue() > 0
    await allow_all(world)
    world.eventually(lambda: (bridge.health() or {}).get("status") == "ok")
    world.eventually(lambda: world.left_in_queue() == 0)
    assert [
        json.loads(event.value)["Records"][0]["s3"]["object"]["key"]
        for event in await world.events("image-uploads")
        if b"Records" in event.value
    ] == ["uploads/ann/cat.png"]


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
    assert "it may do all that it must" in said
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


async def test_a_broker_whose_certificate_nobody_vouches_for_is_not_spoken_to(secured: Secured) -> None:
    environment = over_tls(secured)
    del environment["KAFKA_SSL_CA_FILE"]
    settings = load(KafkaSettings, **{name.lower(): value for name, value in environment.items()})
    admin = AIOKafkaAdminClient(**client_options(settings))
    with pytest.raises(KafkaConnectionError):
        await admin.start()
    await admin.close()


async def test_tokens_that_cannot_be_signed_are_an_outage() -> None:
    def without_credentials(_region: str) -> tuple[str, int]:
        raise RuntimeError("no credentials")

    with pytest.raises(KafkaConnectionError, match="no credentials"):
        await MskTokens("eu-central-1", without_credentials).token()


async def test_the_real_signer_gives_a_token_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    token = await MskTokens("eu-central-1").token()
    padded = token + "=" * (-len(token) % 4)
    assert b"kafka.eu-central-1.amazonaws.com" in urlsafe_b64decode(padded)


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    settings = load(
        KafkaSettings, kafka_bootstrap_servers="b:9092", kafka_security_protocol="SSL", kafka_ssl_ca_file="/nowhere.pem"
    )
    with pytest.raises(InvalidSettingsError, match=r"KAFKA_SSL_CA_FILE: /nowhere\.pem"):
        client_options(settings)
