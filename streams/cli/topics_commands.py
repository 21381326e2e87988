"""``petstream topics``: creates and checks the topics, and prints the permissions of a role. Parsing and output."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from streams.cli import completion
from streams.cli.arguments import AsJson
from streams.cli.console import mistakes, print_json, print_line, waiting
from streams.runtime.printable import printable

if TYPE_CHECKING:
    from streams.runtime.settings import TopicSettings

ResultT = TypeVar("ResultT")
app = typer.Typer(help="The Kafka topics.", no_args_is_help=True)

KAFKA_SECONDS: Final = 60.0
"""Time limit for an answer: a broker that waits for TLS accepts a plain connection and stays silent."""

# Kafka's client is imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415


@app.command()
def create(json: AsJson = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    Create the topics that are missing; those that are there stay as they are.

    KAFKA_PARTITIONS (12) and KAFKA_REPLICATION_FACTOR (3) say how; a single broker needs a factor of 1.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]KAFKA_PARTITIONS=24 KAFKA_REPLICATION_FACTOR=1 petstream topics create[/]
    """
    from streams.kafka import admin as topic_admin

    with mistakes(), waiting("creating topics"):
        created = _ask(
            lambda options, settings: topic_admin.create(
                options,
                prefix=settings.kafka_topic_prefix,
                partitions=settings.kafka_partitions,
                replication_factor=settings.kafka_replication_factor,
            )
        )
    if json:
        print_json({"created": created})
    else:
        print_line(f"created: {', '.join(created)}" if created else "all topics are there already")


@app.command()
def check(json: AsJson = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    Compare the topics with what they should be. Exit code 1 if one of them is not.

    Partitions are compared where KAFKA_PARTITIONS is set.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]petstream topics check --json[/]
    """
    from streams.kafka import admin as topic_admin

    with mistakes(), waiting("looking at topics"):
        findings = _ask(
            lambda options, settings: topic_admin.check(
                options,
                prefix=settings.kafka_topic_prefix,
                partitions=settings.kafka_partitions if "kafka_partitions" in settings.model_fields_set else None,
            )
        )
    if json:
        print_json({"well": not findings, "findings": findings})
    for finding in () if json else findings:
        print_line(f"{finding.topic} {finding.problem}; {finding.remedy}")
    if findings:
        raise typer.Exit(1)
    if not json:
        print_line("all topics are as they should be")


@app.command()
def permissions(
    role: Annotated[
        str,
        typer.Argument(
            help="bridge, classify, sink, watch, board, reconcile, operator",
            autocompletion=completion.permission_roles,
        ),
    ],
    principal: Annotated[
        str, typer.Option(help="who gets them, as the broker knows it; default: User:petstream-ROLE")
    ] = "",
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Print the calls of kafka-acls.sh that let a role do what it must, and no more. Asks no broker.

    Settings: KAFKA_BOOTSTRAP_SERVERS, and KAFKA_TOPIC_PREFIX where there is one.

    Example: [bold]petstream topics permissions sink --principal User:petstream-sink | sh[/]
    """
    from streams.kafka.permissions import PERMISSIONS, commands
    from streams.runtime.settings import TopicSettings, load

    if role not in PERMISSIONS:
        raise typer.BadParameter(printable(f"{role}: the roles are {', '.join(PERMISSIONS)}"))
    with mistakes():
        settings = load(TopicSettings)
    who, prefix = principal or f"User:petstream-{role}", settings.kafka_topic_prefix
    if json:
        needed = [
            {"operation": each.operation, "resource": each.resource, "name": prefix + each.name}
            for each in PERMISSIONS[role]
        ]
        print_json({"role": role, "principal": who, "permissions": needed})
        return
    for line in commands(role, who, prefix=prefix, servers=settings.kafka_bootstrap_servers):
        print_line(line)


def _ask(ask: "Callable[[dict[str, Any], TopicSettings], Awaitable[ResultT]]") -> ResultT:
    from streams.kafka.errors import broker_errors
    from streams.kafka.security import client_options
    from streams.runtime.settings import TopicSettings, load

    settings = load(TopicSettings)

    async def answer() -> ResultT:
        async with asyncio.timeout(KAFKA_SECONDS):
            return await ask(client_options(settings), settings)

    with broker_errors():
        return asyncio.run(answer())
