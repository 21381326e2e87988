"""``petstream records``: reads what is stored, as the reader. Argument parsing, and what is printed."""

import asyncio
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.command_line import fail, moment, object_id
from streams.settings import DatabaseSettings, load

if TYPE_CHECKING:
    from persistence.reads import Rows
    from persistence.selection import Cursor, Selection

out = Console()
err = Console(stderr=True)

# The database's packages are imported in the command: the help must not wait for them, and a bridge's image has none.
# ruff: noqa: PLC0415

SHOWN = "timestamp,user_name,outcome,reason,confidence,image_url"


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def records(  # noqa: PLR0917 - Typer takes each option as a parameter
    one: Annotated[str | None, typer.Argument(metavar="[ID|s3://…]", help="one object, by id or by URL")] = None,
    user: Annotated[str | None, typer.Option(help="of this user, exactly as stored")] = None,
    outcome: Annotated[str | None, typer.Option("--class", help="cat, dog or rejected")] = None,
    reason: Annotated[str | None, typer.Option(help="rejected for this reason")] = None,
    since: Annotated[
        str | None, typer.Option(help="uploaded then or later: 2026-03-01 or 2026-03-01T12:00+01:00")
    ] = None,
    until: Annotated[str | None, typer.Option(help="uploaded before then; UTC where no offset is given")] = None,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="go on where a page ended")] = None,
    limit: Annotated[int, typer.Option(help="rows of a page")] = 50,
    columns: Annotated[str, typer.Option(help="which, comma separated")] = SHOWN,
    form: Annotated[Format, typer.Option("--format", help="json is one object a line")] = Format.TABLE,
) -> None:
    """
    Show what is stored, newest first, page by page. The next page's cursor goes to stderr.

    Reads from DATABASE_READER_HOST, else from DATABASE_HOST. Objects stand here once; events that name none do not.

    Example: [bold]petstream records --user ann --class rejected --since 2026-03-01 --format csv[/]
    """
    from persistence.errors import PersistenceError
    from persistence.selection import Cursor, Selection

    settings = load(DatabaseSettings)
    try:
        selection = Selection(user, outcome, reason, moment(since), moment(until), _names(columns))
        start = None if after is None else Cursor.from_text(after)
        if one is None:
            page = asyncio.run(_page(settings, selection, start, limit))
        elif (user, outcome, reason, since, until, after) == (None,) * 6:
            page = asyncio.run(_one(settings, selection, object_id(one)))
        else:
            fail("One object is named: filters and cursors do not apply to it.")
    except PersistenceError as error:
        fail(str(error).partition("\n")[0])
    except UnicodeEncodeError:
        fail("A filter is not valid UTF-8.")
    _show(page, form)


async def _page(settings: DatabaseSettings, selection: "Selection", after: "Cursor | None", limit: int) -> "Rows":
    from persistence import reads
    from persistence.pool import open_pool
    from streams.app.sink import reader_config

    async with await open_pool(reader_config(settings), read_only=True) as pool:
        return await reads.select(pool, selection, after, limit=limit)


async def _one(settings: DatabaseSettings, selection: "Selection", id_: UUID) -> "Rows":
    from persistence import reads
    from persistence.pool import open_pool
    from streams.app.sink import reader_config

    async with await open_pool(reader_config(settings), read_only=True) as pool:
        found = await reads.find(pool, id_)
    if found is None:
        fail("Nothing is stored about this object.")
    return reads.Rows(selection.columns, (tuple(getattr(found, name) for name in selection.columns),), None)


def _show(page: "Rows", form: Format) -> None:
    from streams.records_table import csv_text, json_lines, printable

    if form is Format.TABLE:
        table = Table(*page.columns, box=None, pad_edge=False)
        for row in page.rows:
            table.add_row(*(Text(printable(value)) for value in row))  # Text: an uploader's brackets are no markup
        out.print(table, highlight=False)
    else:
        sys.stdout.write((csv_text if form is Format.CSV else json_lines)(page.columns, page.rows))
    if page.after is not None:
        err.print(f"next page: --after={page.after.to_text()}", highlight=False, markup=False, soft_wrap=True)


def _names(columns: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in columns.split(","))
