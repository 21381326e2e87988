"""Checks what the environment names before the demo starts anything: settings, the page's port, services."""

import asyncio
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import boto3
from aiokafka.admin import AIOKafkaAdminClient
from botocore.config import Config
from botocore.exceptions import ClientError

from deploy.local.parts import Names
from deploy.local.ports import LOOPBACK, is_free
from persistence import reads
from persistence.pool import open_pool
from streams.kafka.security import client_options
from streams.kafka.stopping import opened
from streams.runtime.database_config import database_config
from streams.runtime.errors import MISUSED, MendableError
from streams.runtime.remedies import explained
from streams.runtime.settings import (
    BoardSettings,
    BridgeSettings,
    ClassifySettings,
    DatabaseSettings,
    InvalidSettingsError,
    KafkaSettings,
    ReconcilerSettings,
    SinkSettings,
    TopicSettings,
    load,
)

ANSWER_SECONDS: Final = 3.0
ROLES: Final = (BridgeSettings, ClassifySettings, SinkSettings, ReconcilerSettings, BoardSettings, TopicSettings)
SERVICES: Final = {"kafka": "KAFKA_BOOTSTRAP_SERVERS", "postgres": "DATABASE_HOST", "objects": "S3_ENDPOINT_URL"}
"""The setting that names each service, which is then used and not started."""
_NAMES: Final = Names()
_URL: Final = f"http://{LOOPBACK}:1"
_STARTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "kafka": {"kafka_bootstrap_servers": f"{LOOPBACK}:1"},
    "postgres": {
        "database_host": LOOPBACK,
        "database_port": 1,
        "database_name": _NAMES.database,
        "database_username": "petstream",
        "database_password": "not made yet",
        "database_ssl": False,
    },
    "objects": {"s3_endpoint_url": _URL, "s3_bucket": _NAMES.bucket, "sqs_queue_url": f"{_URL}/{_NAMES.queue}"},
}
"""For a service that the demo starts: settings that stand for those that it will have."""
_NAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "kafka": {},
    "postgres": {"database_name": _NAMES.database, "database_username": "postgres"},
    "objects": {"s3_bucket": _NAMES.bucket, "sqs_queue_url": f"{_URL}/{_NAMES.queue}"},
}
"""For a service that is named: what the demo adds where the environment says nothing."""
_OF_THE_DEMO: Final = {"health_port": 0, "sqs_wait_seconds": 2, "board_uploads": True, "model_uri": "model.pt"}


class UnusableError(MendableError):
    """What the environment names cannot be used."""

    exit_code = MISUSED


def named_services() -> set[str]:
    """The services of SERVICES that the environment names."""
    return {name for name, setting in SERVICES.items() if os.environ.get(setting)}


def named_settings() -> dict[str, str]:
    """The environment's settings of the demo's processes and of AWS, as they are written, but no ports of its own."""
    fields = {field.upper() for role in ROLES for field in role.model_fields} - {"HEALTH_PORT", "BOARD_PORT"}
    return {
        name: value
        for name, value in os.environ.items()
        if value and name.isidentifier() and (name.upper() in fields or name.startswith("AWS_"))
    }


def check_settings(own: Mapping[str, Any]) -> None:
    """
    Check the settings of all processes together. ``own`` are those that the demo gives them.

    Raises:
        InvalidSettingsError: the message lists every mistake.
        UnusableError: BOARD_PORT is in use, or MODEL_URI names no file.
    """
    given = {**_OF_THE_DEMO, **own}
    named = named_services()
    for service in SERVICES:
        given |= _unset(_NAMED[service]) if service in named else _STARTED[service]
    mistakes: dict[str, None] = {}
    for role in ROLES:
        try:
            load(role, **{name: value for name, value in given.items() if name in role.model_fields})
        except InvalidSettingsError as error:
            mistakes |= dict.fromkeys(str(error).splitlines())
    if mistakes:
        raise InvalidSettingsError("\n".join(mistakes))
    port = page_port()
    if port and not is_free(port):
        raise UnusableError(f"Port {port} of {LOOPBACK} is in use", "set BOARD_PORT to another one, or unset it")
    model = os.environ.get("MODEL_URI", "")
    if model and "://" not in model and not Path(model).is_file():
        raise UnusableError(f"MODEL_URI names {model}, and there is no such file", "name another one, or unset it")


def page_port() -> int | None:
    """BOARD_PORT of the environment; None if it names none."""
    return int(os.environ.get("BOARD_PORT") or 0) or None


async def try_services() -> list[str]:
    """Connect to the services that the environment names; a sentence for each that cannot be used."""
    trials = {"kafka": _try_kafka, "postgres": _try_database, "objects": _try_store}
    tasks = {name: asyncio.create_task(trials[name]()) for name in SERVICES if name in named_services()}
    if not tasks:
        return []
    await asyncio.wait(tasks.values(), timeout=ANSWER_SECONDS)  # does not wait for a client that hangs
    return [said for name, task in tasks.items() if (said := _failure(SERVICES[name], task))]


def _failure(setting: str, task: asyncio.Task[None]) -> str:
    """What is wrong with a service; empty if nothing is. Raises the error of a bug."""
    if not task.done():
        task.cancel()
        return f"{os.environ[setting]} gives no answer within {ANSWER_SECONDS:.0f} s. Look at {setting}."
    error = task.exception()
    if error is None:
        return ""
    explanation = explained(error)
    if explanation is None:
        raise error
    return f"{explanation.text} ({setting}={os.environ[setting]})"


def _unset(values: Mapping[str, str]) -> dict[str, str]:
    """Those that the environment does not set."""
    return {name: value for name, value in values.items() if not os.environ.get(name.upper())}


async def _try_kafka() -> None:
    async with opened(AIOKafkaAdminClient(**client_options(load(KafkaSettings)))):
        pass


async def _try_database() -> None:
    pool = await open_pool(database_config(load(DatabaseSettings, **_unset(_NAMED["postgres"]))))
    try:
        await reads.answers(pool)
    finally:
        pool.terminate()


async def _try_store() -> None:
    settings = load(BridgeSettings, **_unset(_NAMED["objects"]), kafka_bootstrap_servers=f"{LOOPBACK}:1")
    await asyncio.to_thread(_ask_store, settings, bool(os.environ.get("SQS_QUEUE_URL")))


def _ask_store(settings: BridgeSettings, has_queue: bool) -> None:  # noqa: FBT001 - called by to_thread
    """Ask for the bucket and the queue. Without a queue the demo makes both, so that a missing bucket is no error."""
    config = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}, proxies={})
    try:
        store = boto3.client("s3", endpoint_url=settings.s3_endpoint, region_name=settings.aws_region, config=config)
        store.head_bucket(Bucket=str(settings.s3_bucket))
    except ClientError as error:
        if has_queue or error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
            raise
    if has_queue:
        queues = boto3.client("sqs", endpoint_url=settings.sqs_endpoint, region_name=settings.aws_region, config=config)
        queues.get_queue_attributes(QueueUrl=settings.sqs_queue_url, AttributeNames=["QueueArn"])
