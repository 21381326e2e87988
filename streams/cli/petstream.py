"""``petstream``: argument parsing only. The help of each command describes it."""

import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import (
    attach_commands,
    board_command,
    bucket_commands,
    completion,
    database_commands,
    dead_letter_commands,
    migrate_commands,
    model_commands,
    records_command,
    rejections_commands,
    retries_commands,
    topics_commands,
)
from streams.cli.arguments import AsJson
from streams.cli.command_help import GroupedCommands, join_lines
from streams.cli.console import explain, fail, mistakes, out, print_json, print_stderr
from streams.runtime.errors import INTERRUPTED
from streams.runtime.printable import printable

app = typer.Typer(
    name="petstream",
    cls=GroupedCommands,
    help="""
    Every picture that lands in a bucket is classified, automatically, and nothing is ever lost.

    Settings are environment variables: docs/settings.md. All commands: docs/commands.md.

    Exit codes: 0 done, 1 something is wrong or failed, 2 the call or the settings are wrong, 130 interrupted.

    Example: [bold]petstream demo ~/Pictures --once[/]
    """,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(database_commands.app, name="database")
app.add_typer(migrate_commands.app, name="migrate")
app.add_typer(model_commands.app, name="model")
app.add_typer(rejections_commands.app, name="rejections")
app.add_typer(retries_commands.app, name="retries")
app.add_typer(dead_letter_commands.app, name="storage-dead-letters")
app.add_typer(topics_commands.app, name="topics")
app.command()(attach_commands.attach)
app.command()(attach_commands.detach)
app.command()(board_command.board)
app.command()(records_command.records)
app.command()(bucket_commands.backfill)
app.command()(bucket_commands.reconcile)

# A role's packages are imported inside its command: the sink's image has no torch, the bridge's no database driver.
# ruff: noqa: PLC0415


def main() -> None:
    """The console script. Errors that an operator can fix end as one message, not as a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        code = explain(error)
        if code is None:
            raise
        sys.exit(code)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - Typer's signature
    if asked:
        from importlib.metadata import version

        typer.echo(f"petstream {version('petstream')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="print the version", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Take the options of ``petstream`` itself."""


@app.command()
def bridge() -> None:
    """
    Move notifications from SQS to the topic image-uploads, until SIGTERM or Ctrl-C. Waits for what does not answer.

    Settings: KAFKA_BOOTSTRAP_SERVERS, SQS_QUEUE_URL.

    Example: [bold]SQS_QUEUE_URL=… KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream bridge[/]
    """
    from streams.app import bridge as role
    from streams.runtime.settings import BridgeSettings, load

    _serve(role.run(load(BridgeSettings)))


@app.command()
def classify() -> None:
    """
    Classify the pictures that image-uploads names, and image-uploads-bulk while there is room for them.

    Runs until SIGTERM or Ctrl-C, and waits for what does not answer.

    Settings: KAFKA_BOOTSTRAP_SERVERS, MODEL_URI, and AWS credentials.

    Example: [bold]MODEL_URI=model.pt KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream classify[/]
    """
    from streams.app import classifier as role
    from streams.runtime.settings import ClassifySettings, load

    _serve(role.run(load(ClassifySettings)))


@app.command()
def sink() -> None:
    """
    Store results in PostgreSQL, until SIGTERM or Ctrl-C. Waits for what does not answer.

    Settings: KAFKA_BOOTSTRAP_SERVERS, DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the writer) and its password.

    Example: [bold]DATABASE_HOST=… DATABASE_NAME=petstream … petstream sink[/]
    """
    from streams.app import sink as role
    from streams.runtime.settings import SinkSettings, load

    _serve(role.run(load(SinkSettings)))


@app.command()
def check(
    roles: Annotated[
        list[str] | None,
        typer.Argument(metavar="ROLE", help="bridge, classify, sink; default: all", autocompletion=completion.roles),
    ] = None,
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Check everything that the environment names, and say how to fix what is wrong.

    ✓ is well, ⚠ works but needs a person, ✗ does not work. Changes nothing. Exit code 1 if something does not work;
    warnings alone are 0. Without ROLE, the bridge is left out if SQS_QUEUE_URL is not set. Asks no running
    process; [bold]petstream health[/] does.

    Settings: those of the role: docs/settings.md.

    Example: [bold]petstream check classify && petstream classify[/]
    """
    from streams.check.examine import ROLES
    from streams.cli import check_command

    if unknown := set(roles or ()) - set(ROLES):
        raise typer.BadParameter(printable(f"{', '.join(sorted(unknown))}: the roles are {', '.join(ROLES)}"))
    chosen = tuple(role for role in ROLES if role in (roles or ()))
    with mistakes():
        code = check_command.run(chosen, as_json=json)
    raise typer.Exit(code)


@app.command()
def health(
    live: Annotated[bool, typer.Option("--live", help="only whether a restart would help")] = False,  # noqa: FBT002 - Typer's way to a flag
    ready: Annotated[bool, typer.Option("--ready", help="only whether it has loaded, warmed up and joined")] = False,  # noqa: FBT002 - Typer's way to a flag
    json: Annotated[bool, typer.Option("--json", help="on one line; without it, the same is indented")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Ask the process on this machine how it is; 0 if well or degraded, 1 if not. For container health checks and people.

    Settings: HEALTH_HOST, HEALTH_PORT (9100), as the process has them.

    Example: [bold]HEALTH_PORT=9100 petstream health --live[/]
    """
    from streams.runtime.health_client import NotAnsweringError, ask
    from streams.runtime.settings import ServiceSettings, load

    if live and ready:
        raise typer.BadParameter("one question at a time: --live or --ready")
    try:
        well, body = ask(load(ServiceSettings), "/health" + ("/live" if live else "/ready" if ready else ""))
    except NotAnsweringError as error:
        fail(str(error))
    if json:
        print_json(body)
    else:
        out.print_json(data=body)
    raise typer.Exit(0 if well else 1)


@app.command()
def watch(
    json: Annotated[bool, typer.Option("--json", help="one JSON object a line, as it came")] = False,  # noqa: FBT002 - Typer's way to a flag
    from_beginning: Annotated[bool, typer.Option(help="also what is in the topics already")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show results as they come, until Ctrl-C. Its source is the smallest subscriber, and the example for yours.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream watch --json | jq .key[/]
    """
    from streams.cli import watch as subscriber
    from streams.kafka.errors import broker_errors
    from streams.runtime.settings import KafkaSettings, load

    with mistakes(), broker_errors():
        _serve(
            subscriber.run(load(KafkaSettings), out, as_json=json, from_beginning=from_beginning, report=print_stderr)
        )


@app.command()
def demo(
    images: Annotated[Path | None, typer.Argument(help="a folder of pictures; labels.csv in it gives accuracy")] = None,
    once: Annotated[bool, typer.Option("--once", help="end when all pictures have an outcome")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Run the whole pipeline on this machine, with real services, and send pictures through it.

    A part that does not answer is waited for, and what it started itself is started again when it ends. With --once it
    ends after 120 s without a result.

    Settings: none. Parts that run already are taken where KAFKA_BOOTSTRAP_SERVERS, DATABASE_HOST or S3_ENDPOINT_URL
    names them, and tried before anything starts. The page's port is BOARD_PORT, else 18480.

    Example: [bold]petstream demo ~/Pictures --once[/]
    """
    from streams.demo import run

    raise typer.Exit(run(images, once=once, console=out))


def _serve(role: Coroutine[Any, Any, None]) -> None:
    import asyncio

    try:
        asyncio.run(role)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


join_lines(app)

if __name__ == "__main__":
    main()
