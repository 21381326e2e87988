"""``petstream records``: reads the stored records with the reader's rights. Argument parsing and output."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from streams.cli import completion
from streams.cli.arguments import moment, object_id
from streams.cli.console import fail, mistakes, misuse, print_stderr, print_table

if TYPE_CHECKING:
    from persistence.reads import Rows
    from persistence.selection import Cursor, Selection
    from streams.runtime.settings import DatabaseSettings

# The database packages are imported inside the command: --help stays fast, and the bridge's image has none.
# ruff: noqa: PLC0415

SHOWN = "timestamp,user_name,outcome,reason,confidence,image_url"


class Format(StrEnum):
    """Output format of the rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def records(  # noqa: PLR0917 - Typer takes each option as a parameter
    one: Annotated[str | None, typer.Argument(metavar="ID|s3://…", help="one object, by id or by URL")] = None,
    user: Annotated[str | None, typer.Option(help="of this user, exactly as stored")] = None,
    outcome: Annotated[
        str | None, typer.Option("--class", help="cat, dog or rejected", autocompletion=completion.outcomes)
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="rejected for this reason", autocompletion=completion.reasons)
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="uploaded then or later: 2026-03-01 or 2026-03-01T12:00+01:00")
    ] = None,
    until: Annotated[str | None, typer.Option(help="uploaded before then; UTC where no offset is given")] = None,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="go on where a page ended")] = None,
    limit: Annotated[int, typer.Option(help="rows of a page, 1 to 10,000")] = 50,
    columns: Annotated[str, typer.Option(help="which, comma separated", autocompletion=completion.columns)] = SHOWN,
    form: Annotated[Format, typer.Option("--format", help="json is one object a line")] = Format.TABLE,
    json: Annotated[bool, typer.Option("--json", help="the same as --format json")] = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show what is stored, newest first, page by page.

    The next page's cursor goes to stderr. Reads from DATABASE_READER_HOST, else from DATABASE_HOST. Objects stand here
    once; events that name none do not.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the reader) and its password.

    Example: [bold]petstream records --user ann --class rejected --since 2026-03-01 --format csv[/]
    """
    if json and form is Format.CSV:
        misuse("--json and --format csv: which of them is meant?")
    with mistakes():
        import asyncio

        from persistence.selection import Cursor, Selection
        from streams.runtime.settings import DatabaseSettings, load

        settings = load(DatabaseSettings)
        selection = Selection(user, outcome, reason, moment(since), moment(until), columns=_names(columns))
        start = None if after is None else Cursor.from_text(after)
        if one is None:
            page = asyncio.run(_page(settings, selection, start, limit))
        elif (user, outcome, reason, since, until, after) == (None,) * 6:
            page = asyncio.run(_one(settings, selection, object_id(one)))
        else:
            misuse("One object is named: filters and cursors do not apply to it.")
    _show(page, Format.JSON if json else form)


async def _page(settings: "DatabaseSettings", selection: "Selection", after: "Cursor | None", limit: int) -> "Rows":
    from persistence import reads
    from persistence.pool import open_pool
    from streams.runtime.database_config import reader_config

    async with await open_pool(reader_config(settings), read_only=True) as pool:
        return await reads.select(pool, selection, after, limit=limit)


async def _one(settings: "DatabaseSettings", selection: "Selection", id_: UUID) -> "Rows":
    from persistence import reads
    from persistence.pool import open_pool
    from streams.runtime.database_config import reader_config

    async with await open_pool(reader_config(settings), read_only=True) as pool:
        found = await reads.find(pool, id_)
    if found is None:
        fail("Nothing is stored about this object.")
    return reads.Rows(selection.columns, (tuple(getattr(found, name) for name in selection.columns),), None)


def _show(page: "Rows", form: Format) -> None:
    from streams.cli.fitting_table import Column, fitting
    from streams.cli.records_table import FOLDED, csv_text, json_lines, shown

    if form is Format.TABLE:
        columns = [Column(name, folds=name in FOLDED) for name in page.columns]
        print_table(fitting(columns, ([shown(cell) for cell in row] for row in page.rows)))
    else:
        sys.stdout.write((csv_text if form is Format.CSV else json_lines)(page.columns, page.rows))
    if page.after is not None:
        print_stderr(f"next page: --after={page.after.to_text()}")


def _names(columns: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in columns.split(","))
