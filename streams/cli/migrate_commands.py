"""``petstream migrate``: migrates the schema up or down and shows its status. Argument parsing and output."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from streams.cli import completion
from streams.cli.arguments import AsJson
from streams.cli.console import mistakes, print_json, print_line, print_stderr, print_table, waiting

if TYPE_CHECKING:
    from persistence.pool import DatabaseConfig

ResultT = TypeVar("ResultT")
app = typer.Typer(help="The database's schema.", no_args_is_help=True)

# The database packages are imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415


@app.command()
def up(
    to: Annotated[
        str | None,
        typer.Option(
            help="stop after this migration, by id or number; default: the last", autocompletion=completion.migrations
        ),
    ] = None,
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Apply what is missing. What an administrator has to do besides goes to stderr.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the migrator) and its password.

    Example: [bold]DATABASE_USERNAME=petstream_migrator petstream migrate up --to 0007[/]
    """
    from persistence import migrate as schema

    done = _on_schema("applying migrations", lambda config: schema.up(config, to))
    if json:
        print_json({"applied": done.ids, "warnings": done.warnings})
    else:
        print_line(f"applied: {', '.join(done.ids)}" if done.ids else "nothing to apply")
    for warning in done.warnings:
        print_stderr(warning)


@app.command()
def down(
    to: Annotated[
        str,
        typer.Option(
            help="keep this migration and those before it, by id or number; 0000 keeps none",
            autocompletion=completion.migrations,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="do it: without this, only the plan is printed")] = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Roll back, after showing what would be lost. Exit code 1 where only the plan was printed.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the migrator) and its password.

    Example: [bold]petstream migrate down --to 0004 --yes[/]
    """
    from persistence import migrate as schema
    from persistence.rollback_plan import plan_down

    losses = [str(loss) for loss in _on_schema("counting rows", lambda config: plan_down(config, to))]
    for loss in () if json else losses:
        print_line(f"lost for good: {loss}" if yes else f"would be lost for good: {loss}")
    if not (losses or json):
        print_line("no data would be lost")
    if not yes:
        if json:
            print_json({"done": False, "losses": losses, "rolled_back": []})
        else:
            print_line("nothing was changed; --yes does it")
        raise typer.Exit(1)
    done = _on_schema("rolling back", lambda config: schema.down(config, to))
    if json:
        print_json({"done": True, "losses": losses, "rolled_back": done.ids})
    else:
        print_line(f"rolled back: {', '.join(done.ids)}" if done.ids else "nothing to roll back")


@app.command()
def status(json: AsJson = False) -> None:  # noqa: FBT002 - Typer's way to a flag
    """
    List the migrations and whether each is applied, as UTC. Exit code 1 if one is missing or was edited.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME and its password; the writer's rights suffice.

    Example: [bold]petstream migrate status --json[/]
    """
    from persistence import migrate as schema
    from streams.cli.migrations_table import document, table

    found = _on_schema("reading", schema.status)
    if json:
        print_json(document(found))
    else:
        print_table(table(found))
    if not all(each.applied and each.checksum_ok for each in found):
        raise typer.Exit(1)


@app.command("break-lock")
def break_lock() -> None:
    """
    Remove the lock of a migration run that was killed. Only when no other run is at work.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the migrator) and its password.

    Example: [bold]petstream migrate break-lock[/]
    """
    from persistence import migrate as schema

    _on_schema("removing the lock", schema.break_lock)
    print_line("the lock is removed")


def _on_schema(what: str, act: "Callable[[DatabaseConfig], ResultT]") -> ResultT:
    with mistakes():
        from streams.runtime.database_config import database_config
        from streams.runtime.settings import DatabaseSettings, load

        config = database_config(load(DatabaseSettings))
        with waiting(what):
            return act(config)
