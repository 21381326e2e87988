"""``petstream board``: parses arguments and prints the URL of the page."""

import asyncio
import webbrowser
from functools import partial
from typing import Annotated

import typer

from streams.cli.console import fail

# The extra's packages are imported inside the command, so that --help stays fast.
# ruff: noqa: PLC0415


def board(
    open_: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Serve a page that shows pictures on their way, records and rejections, until SIGTERM or Ctrl-C.

    It listens on this machine only and changes nothing, unless told otherwise. Waits for what does not answer.

    Settings: KAFKA_BOOTSTRAP_SERVERS; for records DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the reader) and its
    password; for pictures AWS credentials.

    Example: [bold]KAFKA_BOOTSTRAP_SERVERS=localhost:9092 petstream board --open[/]
    """
    from streams.app import board as role
    from streams.runtime.error_text import error_text
    from streams.runtime.settings import BoardSettings, DatabaseMention, DatabaseSettings, load

    settings = load(BoardSettings)
    database = load(DatabaseSettings) if load(DatabaseMention).database_host else None
    try:
        asyncio.run(role.run(settings, database, partial(_announce, open_=open_)))
    except OSError as error:
        fail(f"The page cannot be served at {settings.board_host}:{settings.board_port}: {error_text(error)}.")


def _announce(url: str, *, open_: bool) -> None:
    typer.echo(f"board: {url}")
    if open_:
        webbrowser.open(url)
