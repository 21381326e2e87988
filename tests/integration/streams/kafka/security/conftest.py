"""One secured broker for each file, with the database and the store that all share."""

import copy
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.local.kafka import ApacheKafka
from deploy.local.kafka_settings import SecuredListeners
from deploy.local.ports import free_port
from deploy.local.stack import Stack
from deploy.local.tls import self_signed
from tests.absent import cannot_run
from tests.secured import REAUTHENTICATION_SECONDS, USERS, Secured
from tests.world import World, create

_NUMBERS: Final = itertools.count(1)


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
    world = create(own, f"secured-{os.getpid()}-{next(_NUMBERS)}", quick_model, template=migrated)
    try:
        yield world
    finally:
        world.stop()
