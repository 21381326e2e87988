"""Kafka as people have it: TLS, SCRAM, tokens, access control. On a real broker with real listeners."""

import asyncio
import copy
import itertools
import json
import os
import subprocess
import sys
import time
import urllib.request
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from deploy.local.kafka import ApacheKafka
from deploy.local.kafka_settings import SecuredListeners
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.stack import Stack
from deploy.local.tls import self_signed
from streams.kafka_security import MSK_IAM, MskTokens, client_options
from streams.settings import InvalidSettingsError, KafkaSettings, load
from tests.absent import cannot_run
from tests.acls import allow
from tests.world import World, create

REAUTHENTICATION_SECONDS = 5
NUMBERS = itertools.count(1)
USERS = {role: f"secret of {role}" for role in ("bridge", "classify", "sink", "board", "operator", "nobody")}

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
        kafka.stop()


@pytest.fixture
def world(secured: Secured, stack: Stack, quick_model: Path) -> Iterator[World]:
    own = copy.copy(stack)  # the same database and store, another Kafka
    own.kafka = secured[0]
    world = create(own, f"secured-{os.getpid()}-{next(NUMBERS)}", quick_model, template=None)
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
    for role in ("bridge", "classify", "sink"):
        await allow(world.stack.kafka.bootstrap_servers, role, f"User:{role}", prefix=world.prefix)


def petstream(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_each_role_does_its_work_with_the_least_permissions(
    secured: Secured, world: World, signer: Path, chelsea: bytes
) -> None:
    await allow_all(world)
    world.start("bridge", env=with_scram(secured, "bridge"))
    world.start("classify", env=with_tokens(secured, "classify", signer))
    world.start("sink", env=with_scram(secured, "sink"))
    keys = [f"uploads/ann/{i}.png" for i in range(3)]
    for key in keys:
        world.put(key, chelsea)
    world.put("uploads/ann/broken.png", b"no picture")
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


async def test_a_board_sees_results_and_what_waits_with_the_least_permissions(
    secured: Secured, world: World, chelsea: bytes
) -> None:
    await allow_all(world)
    await allow(secured[0].bootstrap_servers, "board", "User:board", prefix=world.prefix)
    world.start("bridge", "classify", "sink", env=over_tls(secured))
    port = free_port()
    world.start("board", env=with_scram(secured, "board") | {"BOARD_PORT": str(port)})
    world.put("uploads/ann/cat.png", chelsea)
    world.wait_outcomes("uploads/ann/cat.png")
    condition = await asyncio.to_thread(shown_condition, f"http://{LOOPBACK}:{port}/api/events")
    assert (condition["kafka"], condition["storing"]) == ("there", "ok")


async def test_tokens_that_run_out_are_renewed_and_nothing_is_lost(
    secured: Secured, world: World, signer: Path, chelsea: bytes
) -> None:
    await allow_all(world)
    world.start("bridge", env=with_tokens(secured, "bridge", signer))
    world.start("classify", env=with_tokens(secured, "classify", signer))
    world.start("sink", env=with_tokens(secured, "sink", signer))
    keys = [f"uploads/ann/{i}.png" for i in range(8)]
    began = time.monotonic()
    for key in keys:
        world.put(key, chelsea)
        await asyncio.sleep(REAUTHENTICATION_SECONDS / 3)
    assert time.monotonic() - began > 2 * REAUTHENTICATION_SECONDS  # each connection ended at least once meanwhile
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")


async def test_the_whole_pipeline_over_tls(secured: Secured, world: World, chelsea: bytes) -> None:
    world.start("bridge", "classify", "sink", env=over_tls(secured))  # TLS without a client's certificate: anybody
    world.put("uploads/ann/cat.png", chelsea)
    assert world.wait_outcomes("uploads/ann/cat.png") == {"uploads/ann/cat.png": "cat"}


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


async def test_an_operator_creates_and_checks_the_topics(secured: Secured) -> None:
    prefix = f"operated-{os.getpid()}."
    await allow(secured[0].bootstrap_servers, "operator", "User:operator", prefix=prefix)
    environment = with_scram(secured, "operator") | {"KAFKA_TOPIC_PREFIX": prefix, "KAFKA_REPLICATION_FACTOR": "1"}
    created = petstream(environment, "topics", "create")
    assert (created.returncode, "pipeline-status" in created.stdout) == (0, True), created.stderr
    assert petstream(environment, "topics", "check").returncode == 0
    refused = petstream(environment | with_scram(secured, "nobody"), "topics", "check")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("role", ["bridge", "classify", "sink"])
async def test_the_doctor_is_content_with_the_permissions_of_the_role(
    role: str, secured: Secured, world: World
) -> None:
    await allow_all(world)
    nowhere = f"http://{LOOPBACK}:1"
    others = {"SQS_QUEUE_URL": f"{nowhere}/queue", "S3_ENDPOINT_URL": nowhere, "MODEL_URI": "/nowhere.pt"}
    database = {"DATABASE_HOST": LOOPBACK, "DATABASE_PORT": "1", "DATABASE_NAME": "n", "DATABASE_USERNAME": "u"}
    others |= database | {"DATABASE_PASSWORD": "p", "KAFKA_TOPIC_PREFIX": world.prefix, "COLUMNS": "300"}
    assert "topics are as they should be" in petstream(with_scram(secured, role) | others, "check", role).stdout
    assert "it may do all that it must" in petstream(with_scram(secured, role) | others, "check", role).stdout
    refused = petstream(with_scram(secured, "nobody") | others, "check", role).stdout
    assert "petstream topics permissions" in refused


async def test_the_doctor_names_the_operation_that_a_role_lacks(secured: Secured, world: World) -> None:
    await allow(world.stack.kafka.bootstrap_servers, "classify", "User:nobody", prefix=world.prefix)  # it only reads
    queue = {"SQS_QUEUE_URL": f"http://{LOOPBACK}:1/queue", "SQS_ENDPOINT_URL": f"http://{LOOPBACK}:1"}
    environment = with_scram(secured, "nobody") | queue | {"KAFKA_TOPIC_PREFIX": world.prefix}
    said = petstream(environment, "check", "bridge").stdout
    assert f"lacks WRITE on the topic {world.prefix}image-uploads" in said
    assert "petstream topics permissions bridge" in said


def test_the_doctor_names_the_credentials_when_they_are_wrong(secured: Secured) -> None:
    queue = {"SQS_QUEUE_URL": f"http://{LOOPBACK}:1/queue", "SQS_ENDPOINT_URL": f"http://{LOOPBACK}:1"}
    said = petstream(with_scram(secured, "operator", "wrong") | queue, "check", "bridge")
    assert said.returncode == 1
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
