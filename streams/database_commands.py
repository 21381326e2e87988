"""``petstream database``: backups, drills and development data. Argument parsing, and what is printed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streams.settings import DatabaseSettings, load

if TYPE_CHECKING:
    from persistence.backup import Manifest
    from persistence.pool import DatabaseConfig

app = typer.Typer(
    help="Backups of a development database, drills, and development data. Production: docs/aurora.md.",
    no_args_is_help=True,
)
out = Console()
err = Console(stderr=True)

# The database's packages are imported in the commands: the help must not wait for them.
# ruff: noqa: PLC0415

File = Annotated[Path, typer.Argument(help="the dump; its manifest lies beside it, as FILE.manifest.json")]
Yes = Annotated[bool, typer.Option("--yes", help="do it: without this, only what would happen is printed")]


@app.command()
def backup(file: File) -> None:
    """Dump the database and what proves the dump. Example: [bold]petstream database backup monday.dump[/]."""
    from persistence import backup as backups

    with _mistakes():
        manifest = backups.backup(_config(), file)
    _say(f"written: {file}")
    _describe(manifest)


@app.command()
def restore(file: File, yes: Yes = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    Put a dump into an empty database; into another one only after showing what would be lost.

    Example: [bold]DATABASE_NAME=fresh petstream database restore monday.dump[/]
    """
    from persistence import backup as backups

    with _mistakes():
        config = _config()
        try:
            manifest = backups.restore(config, file)
        except backups.NotEmpty as found:
            for loss in found.losses:
                _say(f"{'lost for good' if yes else 'would be lost for good'}: {loss}")
            if not yes:
                _say("nothing was changed; --yes does it")
                raise typer.Exit(1) from None
            manifest = backups.restore(config, file, destroy=True)
    _say(f"restored: {file}")
    _describe(manifest)


@app.command()
def verify(file: File) -> None:
    """
    The drill: restore a dump into a database of its own, compare rows and schema, drop that database again.

    Example: [bold]petstream database verify monday.dump[/]
    """
    from persistence import backup as backups

    with _mistakes():
        manifest = backups.verify(_config(), file)
    _say(f"{file} can be restored, and holds what was backed up")
    _describe(manifest)


@app.command()
def seed(
    rows: Annotated[int, typer.Option(min=0, help="objects")] = 1000,
    number: Annotated[int, typer.Option("--seed", help="the same number gives the same rows")] = 1,
    users: Annotated[int, typer.Option(min=1, help="whose they are")] = 20,
    yes: Annotated[bool, typer.Option("--yes", help="also where there are rows that are not seeds")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """Write development data, as the sink would. Example: [bold]petstream database seed --rows 10000 --users 50[/]."""
    from persistence.seed import NotSeeds

    try:
        with _mistakes(NotSeeds):
            new = asyncio.run(_seed(_config(), rows, number, users, beside_others=yes))
    except NotSeeds as error:
        err.print(f"{error} --yes writes nevertheless.", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    _say(f"{new:,} new rows, {rows - new:,} were there already")


async def _seed(config: "DatabaseConfig", rows: int, number: int, users: int, *, beside_others: bool) -> int:
    from persistence.pool import open_pool
    from persistence.seed import write_seeds

    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("seeds", total=rows)
        async with await open_pool(config) as pool:
            return await write_seeds(
                pool,
                rows=rows,
                seed=number,
                users=users,
                beside_others=beside_others,
                progress=lambda done: bar.advance(task, done),
            )


def _config() -> "DatabaseConfig":
    from streams.app.sink import database_config

    return database_config(load(DatabaseSettings))


def _describe(manifest: "Manifest") -> None:
    for name, table in manifest.contents.tables.items():
        _say(f"{name}: {table.rows:,} rows")


@contextmanager
def _mistakes(*passed_on: type[Exception]) -> Iterator[None]:
    from persistence.errors import PersistenceError

    try:
        yield
    except passed_on:
        raise
    except (PersistenceError, OSError) as error:
        # The server's further lines point into a statement that the user did not write.
        err.print(str(error).partition("\n")[0], markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False, soft_wrap=True)
