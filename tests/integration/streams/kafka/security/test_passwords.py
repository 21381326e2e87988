"""Each role at work on a secured broker, over TLS or with a password."""

import asyncio
import json
import urllib.request
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from deploy.local.ports import LOOPBACK, free_port
from streams.kafka.security import client_options
from streams.runtime.settings import InvalidSettingsError, KafkaSettings, load
from tests.acls import allow
from tests.secured import Secured, allow_all, over_tls, with_scram
from tests.world import World


def wait_for_works(url: str, *names: str) -> None:
    """Return once a board has seen a cat, knows that nothing waits, and shows that these components work."""
    with urllib.request.urlopen(url, timeout=60) as stream:  # noqa: S310 - our own http URL
        for line in stream:  # bounded by the test's own time-out
            if line.startswith(b"data: "):
                frame = json.loads(line.removeprefix(b"data: "))
                condition: dict[str, Any] = frame["condition"]
                waiting = [condition["waiting"][place].get("count") for place in ("uploads", "bulk", "results")]
                states = {each["name"]: each["state"] for each in condition["components"]}
                if frame["seen"] == {"cat": 1} and waiting == [0, 0, 0] and {states[n] for n in names} == {"works"}:
                    return
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
    url = f"http://{LOOPBACK}:{port}/api/events"
    await asyncio.to_thread(wait_for_works, url, "kafka", "bridge", "classifier", "sink", "database")


async def test_a_missing_permission_is_an_outage_that_ends_when_it_is_given(
    secured: Secured, world: World, chelsea: bytes
) -> None:
    (bridge,) = world.start("bridge", env=with_scram(secured, "bridge"))
    world.put("uploads/ann/cat.png", chelsea)
    world.eventually(lambda: (bridge.health() or {}).get("status") == "degraded")
    assert "topic authorization failed: " in (bridge.health() or {})["warnings"][0]
    assert world.left_in_queue() > 0
    await allow_all(world)
    world.eventually(lambda: (bridge.health() or {}).get("status") == "ok")
    world.eventually(lambda: world.left_in_queue() == 0)
    assert [
        json.loads(event.value)["Records"][0]["s3"]["object"]["key"]
        for event in await world.events("image-uploads")
        if b"Records" in event.value
    ] == ["uploads/ann/cat.png"]


async def test_a_broker_whose_certificate_nobody_vouches_for_is_not_spoken_to(secured: Secured) -> None:
    environment = over_tls(secured)
    del environment["KAFKA_SSL_CA_FILE"]
    settings = load(KafkaSettings, **{name.lower(): value for name, value in environment.items()})
    admin = AIOKafkaAdminClient(**client_options(settings))
    with pytest.raises(KafkaConnectionError):
        await admin.start()
    await admin.close()


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    settings = load(
        KafkaSettings, kafka_bootstrap_servers="b:9092", kafka_security_protocol="SSL", kafka_ssl_ca_file="/nowhere.pem"
    )
    with pytest.raises(InvalidSettingsError, match=r"KAFKA_SSL_CA_FILE: /nowhere\.pem"):
        client_options(settings)
