"""``petstream check``: the doctor. Builds what each role needs, looks at it, says what to do about what is wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import boto3
from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams import topics
from streams.kafka_security import client_options
from streams.settings import (
    BridgeSettings,
    ClassifySettings,
    DatabaseSettings,
    InvalidSettingsError,
    KafkaSettings,
    SinkSettings,
    load,
)
from streams.topic_permissions import PERMISSIONS

Role = Literal["bridge", "classify", "sink"]
ROLES: Final[tuple[Role, ...]] = ("bridge", "classify", "sink")
KAFKA_SECONDS: Final = 15.0

# A role's own packages are imported in its examination: the doctor also runs where other roles are not installed.
# ruff: noqa: PLC0415


_SETTINGS_OF: Final[dict[Role, type[Any]]] = {
    "bridge": BridgeSettings,
    "classify": ClassifySettings,
    "sink": SinkSettings,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and the remedy; no remedy means that it is well."""

    role: str
    subject: str
    found: str
    remedy: str | None = None


async def run(console: Console, roles: tuple[Role, ...] = ROLES) -> int:
    """Examine the roles and print the findings; 0 if all is well, else 1."""
    findings = [finding for role in roles for finding in await examine(role)]
    table = Table("", "role", "what", "found", "what to do", box=None, pad_edge=False)
    for finding in findings:
        mark = "[red]✗[/]" if finding.remedy else "[green]✓[/]"
        cells = (finding.role, finding.subject, finding.found, finding.remedy or "")
        table.add_row(mark, *(escape(cell) for cell in cells))
    console.print(table)
    wrong = sum(finding.remedy is not None for finding in findings)
    console.print(f"{wrong} of {len(findings)} need attention" if wrong else f"all {len(findings)} are well")
    return 1 if wrong else 0


async def examine(role: Role) -> list[Finding]:
    """Everything that can be said of one role from here."""
    settings: Any
    try:
        settings = load(_SETTINGS_OF[role])
    except InvalidSettingsError as mistakes:
        return [Finding(role, "settings", "incomplete", str(mistakes))]
    looks: dict[Role, list[Callable[[], Awaitable[list[Finding]]]]] = {
        "bridge": [lambda: _kafka(role, settings), lambda: asyncio.to_thread(_queue, settings)],
        "classify": [
            lambda: _kafka(role, settings),
            lambda: asyncio.to_thread(_bucket, settings),
            lambda: asyncio.to_thread(_model, settings),
        ],
        "sink": [lambda: _kafka(role, settings), lambda: _database(settings)],
    }
    found = [Finding(role, "settings", "complete")]
    for look in looks[role]:
        found += await look()
    return found


def _proofs(settings: KafkaSettings) -> str:
    """The further settings that may be wrong where a broker asks who one is."""
    names = [
        name.upper() for name, value in settings if name.startswith(("kafka_ssl", "kafka_sasl")) and value is not None
    ]
    return ", ".join(["", "KAFKA_SECURITY_PROTOCOL", *names])


async def _kafka(role: Role, settings: KafkaSettings) -> list[Finding]:
    # Only its own topics: with least privilege a role does not even see the others.
    needed = {each.name for each in PERMISSIONS[role] if each.resource == "topic"}
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            options, prefix = client_options(settings), settings.kafka_topic_prefix
            wrong = await topics.check(options, prefix=prefix, names=needed)
    except (KafkaError, OSError, TimeoutError) as error:
        remedy = f"look at KAFKA_BOOTSTRAP_SERVERS, the network, the listener{_proofs(settings)}"
        return [Finding(role, "kafka", f"does not answer: {type(error).__name__}", remedy)]
    if wrong:
        return [Finding(role, f"topic {each.topic}", each.problem, each.remedy) for each in wrong]
    return [Finding(role, "kafka", f"its {len(needed)} topics are as they should be")]


def _queue(settings: BridgeSettings) -> list[Finding]:
    client = boto3.client("sqs", region_name=settings.aws_region, endpoint_url=settings.sqs_endpoint)
    try:
        answer = client.get_queue_attributes(QueueUrl=settings.sqs_queue_url, AttributeNames=["All"])["Attributes"]
    except (BotoCoreError, ClientError) as error:
        return [Finding("bridge", "queue", _said(error), "look at SQS_QUEUE_URL, AWS_REGION, credentials and the role")]
    waiting = Finding("bridge", "queue", f"{answer['ApproximateNumberOfMessages']} messages waiting")
    if "RedrivePolicy" not in answer:
        remedy = "give it a redrive policy: a message that Kafka cannot take stays in it for ever"
        return [waiting, Finding("bridge", "queue", "has no dead-letter queue", remedy)]
    return [waiting]


def _bucket(settings: ClassifySettings) -> list[Finding]:
    if settings.s3_bucket is None:
        return []  # the classifier reads whatever buckets the notifications name
    client = boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint)
    try:
        client.head_bucket(Bucket=settings.s3_bucket)
        versioned = client.get_bucket_versioning(Bucket=settings.s3_bucket).get("Status") == "Enabled"
    except (BotoCoreError, ClientError) as error:
        return [Finding("classify", "bucket", _said(error), "look at S3_BUCKET, AWS_REGION, credentials and the role")]
    return [Finding("classify", "bucket", f"{settings.s3_bucket}, {'versioned' if versioned else 'not versioned'}")]


def _model(settings: ClassifySettings) -> list[Finding]:
    from inference.errors import ModelUnusable
    from streams.app.classifier import open_model

    try:
        classifier = open_model(settings, settings.model_uri, settings.model_sha256)
    except ModelUnusable as error:
        return [Finding("classify", "model", "unusable", str(error))]
    except InvalidSettingsError as error:
        return [Finding("classify", "credentials", "none", str(error))]
    manifest = classifier.manifest
    found = f"{manifest.name} {manifest.version}, {classifier.engine}, sha256 {classifier.sha256}"
    return [Finding("classify", "model", found)]


async def _database(settings: DatabaseSettings) -> list[Finding]:
    from persistence.errors import PersistenceError
    from persistence.pool import open_pool
    from persistence.schema import missing_grants, missing_time_outs, schema_version
    from streams.app.sink import database_config

    try:
        async with await open_pool(database_config(settings)) as pool:
            version = await schema_version(pool)
            if not version.is_current:
                found = f"lacks {', '.join(version.missing)}"
                return [Finding("sink", "schema", found, "run as the migrator: petstream migrate up")]
            missing = await missing_grants(pool)
            if missing:
                found = f"{settings.database_username} lacks {', '.join(missing)}"
                return [Finding("sink", "grants", found, "make the user a member of the role petstream_writer")]
            endless = await missing_time_outs(pool)
    except PersistenceError as error:
        remedy = (
            "look at DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USERNAME, DATABASE_SSL and at "
            "DATABASE_PASSWORD, DATABASE_PASSWORD_FILE or DATABASE_IAM_AUTH"
        )
        return [Finding("sink", "database", _said(error), remedy)]
    found = f"{len(version.applied)} migrations applied, grants suffice"
    if endless:  # no reason not to start: the client gives up after a while, and the server goes on
        found += f"; time-outs are missing, an administrator runs: {'; '.join(endless)}"
    return [Finding("sink", "database", found)]


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
