"""``petstream database``: backups, drills and development data. Argument parsing and output."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.arguments import AsJson
from streams.cli.console import fail, mistakes, print_json, print_line, progress, waiting

if TYPE_CHECKING:
    from persistence.backup import Manifest
    from persistence.pool import DatabaseConfig

app = typer.Typer(
    help="Backups of a development database, drills, and development data. Production: docs/aurora.md.",
    no_args_is_help=True,
)

# The database packages are imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415

File = Annotated[Path, typer.Argument(help="the dump; its manifest lies beside it, as FILE.manifest.json")]
Yes = Annotated[bool, typer.Option("--yes", help="do it: without this, only what would happen is printed")]


@app.command()
def backup(file: File, json: AsJson = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    Dump the database and what proves the dump. A file that is there is not overwritten. Needs pg_dump.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (who may read all) and its password.

    Example: [bold]petstream database backup monday.dump[/]
    """
    with mistakes(), waiting("dumping"):
        from persistence import backup as backups

        manifest = backups.backup(_config(), file)
    _describe(manifest, file, "written: {}", as_json=json)


@app.command()
def restore(
    file: File,
    yes: Yes = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Put a dump into an empty database; into another one only after showing what would be lost. Needs pg_restore.

    Exit code 1 where something would be lost and nothing was changed.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (who may create tables) and its password.

    Example: [bold]DATABASE_NAME=fresh petstream database restore monday.dump[/]
    """
    losses: tuple[str, ...] = ()
    with mistakes():
        from persistence import backup as backups

        config = _config()
        try:
            with waiting("restoring"):
                manifest = backups.restore(config, file)
        except backups.NotEmpty as found:
            losses = found.losses
            for loss in () if json else losses:
                print_line(f"{'lost for good' if yes else 'would be lost for good'}: {loss}")
            if not yes:
                if json:
                    print_json({"done": False, "file": str(file), "losses": losses})
                else:
                    print_line("nothing was changed; --yes does it")
                raise typer.Exit(1) from None
            with waiting("restoring"):
                manifest = backups.restore(config, file, destroy=True)
    _describe(manifest, file, "restored: {}", as_json=json, losses=losses)


@app.command()
def verify(file: File, json: AsJson = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    The drill: restore a dump into a database of its own, compare rows and schema, drop that database again.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (who may create databases) and its password.

    Example: [bold]petstream database verify monday.dump[/]
    """
    with mistakes(), waiting("restoring and comparing"):
        from persistence import backup as backups

        manifest = backups.verify(_config(), file)
    _describe(manifest, file, "{} can be restored, and holds what was backed up", as_json=json)


@app.command()
def seed(
    rows: Annotated[int, typer.Option(min=0, help="how many objects")] = 1000,
    number: Annotated[int, typer.Option("--seed", help="the same number gives the same rows")] = 1,
    users: Annotated[int, typer.Option(min=1, help="how many users share them")] = 20,
    yes: Annotated[bool, typer.Option("--yes", help="also where there are rows that are not seeds")] = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Write development data, as the sink would. The same call twice writes nothing new.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the writer) and its password.

    Example: [bold]petstream database seed --rows 10000 --users 50[/]
    """
    with mistakes():
        import asyncio

        from persistence.seed import NotSeeds

        try:
            new = asyncio.run(_seed(_config(), rows, number, users, beside_others=yes))
        except NotSeeds as error:
            fail(f"{error} --yes writes nevertheless.")
    if json:
        print_json({"rows": rows, "new": new, "seed": number})
    else:
        print_line(f"{new:,} new rows, {rows - new:,} were there already")


async def _seed(config: "DatabaseConfig", rows: int, number: int, users: int, *, beside_others: bool) -> int:
    from persistence.pool import open_pool
    from persistence.seed import write_seeds

    with progress() as bar:
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
    from streams.runtime.database_config import database_config
    from streams.runtime.settings import DatabaseSettings, load

    return database_config(load(DatabaseSettings))


def _describe(manifest: "Manifest", file: Path, sentence: str, *, as_json: bool, **further: Any) -> None:
    tables = {name: table.rows for name, table in manifest.contents.tables.items()}
    if as_json:
        print_json({"done": True, "file": str(file), "sha256": manifest.sha256, "rows": tables, **further})
        return
    print_line(sentence.format(file))
    for name, rows in tables.items():
        print_line(f"{name}: {rows:,} rows")
