"""``petstream storage-dead-letters``: shows and replays results whose rows PostgreSQL refused. Parsing and output."""

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.arguments import AsJson, AsJsonLines, DryRun, Rate, Yes, moment, object_id
from streams.cli.console import (
    REPLAY_STOPPED,
    fail,
    mistakes,
    misuse,
    print_json,
    print_page,
    print_stderr,
    print_table,
    progress,
    run,
)

if TYPE_CHECKING:
    from streams.kafka.scan import Position
    from streams.replay.dead_letters import Found, ReplayedLetters
    from streams.replay.letters import Letter, LetterFilter
    from streams.runtime.settings import DatabaseSettings, KafkaSettings

app = typer.Typer(help="Results whose rows PostgreSQL refused: why, and storing them after all.", no_args_is_help=True)

# The database packages are imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415

Error = Annotated[str | None, typer.Option(help="refused with this: SQLSTATE, constraint, or a part of the detail")]
Since = Annotated[str | None, typer.Option(help="refused then or later: 2026-03-01 or 2026-03-01T12:00+01:00")]
Key = Annotated[str | None, typer.Option(help="of objects whose key begins so")]


@app.command("list")
def list_(  # noqa: PLR0917 - Typer takes each option as a parameter
    error: Error = None,
    since: Since = None,
    key: Key = None,
    after: Annotated[str | None, typer.Option(metavar="POSITION", help="go on where a page ended")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="letters of a page")] = 50,
    json: AsJsonLines = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show the letters, oldest first, page by page. Those that were replayed stay in the topic.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]petstream storage-dead-letters list --error 23514 --since 2026-03-01[/]
    """
    with mistakes():
        import asyncio

        from streams.replay.dead_letters import Found
        from streams.replay.letters import LetterFilter
        from streams.runtime.settings import KafkaSettings, load

        wanted = LetterFilter(error, moment(since), key)
        found = Found()
        page = asyncio.run(_page(load(KafkaSettings), wanted, found, _position(after), limit + 1))
    from streams.cli.dead_letters_table import COLUMNS, json_row, table_row
    from streams.cli.fitting_table import fitting

    if json:
        sys.stdout.write("".join(json_row(letter) for letter in page[:limit]))
    else:
        print_table(fitting(COLUMNS, map(table_row, page[:limit])))
    _report_unreadable(found)
    if len(page) > limit:
        print_stderr(f"next page: --after={page[limit - 1].position}")


@app.command()
def show(
    one: Annotated[str, typer.Argument(metavar="POSITION|ID|s3://…", help="a letter, or an object: its last letter")],
    json: AsJsonLines = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show all about one letter, with the result whose row was refused.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]petstream storage-dead-letters show 0:17[/]
    """
    from streams.cli.dead_letters_table import described, json_document

    found = run(_find(one)) or fail("There is no such letter.")
    print_page(described(found), json_document(found), as_json=json)


@app.command()
def replay(  # noqa: PLR0917 - Typer takes each option as a parameter
    error: Error = None,
    since: Since = None,
    key: Key = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many, the oldest; default: all")] = None,
    rate: Rate = None,
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    yes: Yes = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Publish refused results again, once a migration or a release has mended what refused them. Harmless to repeat.

    Each goes to the topic it came from, so the sink stores it and subscribers see it again. Where DATABASE_HOST is set,
    results are left out whose object has a newer outcome by now, or this one.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]petstream storage-dead-letters replay --error user_name_check --dry-run[/]
    """
    with mistakes(REPLAY_STOPPED):
        import asyncio

        from streams.replay.letters import LetterFilter
        from streams.runtime.settings import DatabaseMention, DatabaseSettings, KafkaSettings, load

        wanted = LetterFilter(error, moment(since), key)
        if wanted.selects_everything and limit is None and not (yes or dry_run):
            misuse("This would publish every dead letter: narrow it down, or add --yes.")
        database = load(DatabaseSettings) if load(DatabaseMention).database_host else None
        done = asyncio.run(_replay(load(KafkaSettings), database, wanted, limit=limit, rate=rate, dry_run=dry_run))
    if json:
        counts = {"overtaken": done.overtaken, "repeated": done.repeated, "hopeless": done.hopeless, "cut": done.cut}
        print_json(
            {"dry_run": dry_run, "messages": done.messages, "left_out": counts, "compared": database is not None}
        )
        return
    left_out = {
        "their object has a newer outcome by now, or this one": done.overtaken,
        "the same result is in another letter": done.repeated,
        "no row can hold them": done.hopeless,
        "only the beginning of their event was kept, since the whole is larger than a topic takes; it is at the topic, "
        "partition and offset that the letter names, while that topic keeps it": done.cut,
    }
    print_stderr(f"{'would publish' if dry_run else 'published'} {done.messages:,} results")
    for why, number in left_out.items():
        if number:
            print_stderr(f"left out {number:,}: {why}")
    if database is None:
        print_stderr("DATABASE_HOST is not set, so nothing was left out for what is stored meanwhile")


async def _page(
    settings: "KafkaSettings", wanted: "LetterFilter", found: "Found", after: "Position | None", limit: int
) -> "list[Letter]":
    page: list[Letter] = []
    async with aclosing(_letters(settings, wanted, found, after)) as letters:
        async for letter in letters:
            page.append(letter)
            if len(page) == limit:
                break
    return page


async def _find(named: str) -> "Letter | None":
    from streams.kafka.scan import Position
    from streams.replay.dead_letters import Found
    from streams.replay.letters import LetterFilter
    from streams.runtime.settings import KafkaSettings, load

    settings = load(KafkaSettings)
    try:
        position: Position | None = Position.from_text(named)
    except ValueError:
        position = None
    if position is not None:
        page = await _page(settings, LetterFilter(), Found(), Position(position.partition, position.offset - 1), 1)
        return page[0] if page and page[0].position == position else None
    last = None
    async with aclosing(_letters(settings, LetterFilter(id=object_id(named)), Found(), None)) as letters:
        async for letter in letters:
            last = letter
    return last


async def _replay(
    kafka: "KafkaSettings",
    database: "DatabaseSettings | None",
    wanted: "LetterFilter",
    *,
    limit: int | None,
    rate: float | None,
    dry_run: bool,
) -> "ReplayedLetters":
    from persistence.pool import open_pool
    from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS
    from streams.kafka.errors import partitions_of
    from streams.replay.dead_letters import Found
    from streams.replay.dead_letters import replay as publish_again  # the command is named replay
    from streams.replay.republisher import Republisher
    from streams.runtime.database_config import reader_config

    found = Found()
    async with AsyncExitStack() as stack:
        pool: Any = None
        if database is not None:
            pool = await stack.enter_async_context(await open_pool(reader_config(database), read_only=True))
        publisher = None
        if not dry_run:
            for topic in (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS):
                await partitions_of(kafka, topic)
            publisher = await stack.enter_async_context(Republisher(kafka, rate=rate))
        letters = await stack.enter_async_context(aclosing(_letters(kafka, wanted, found, None)))
        done = await publish_again(letters, publisher, pool, limit=limit)
    _report_unreadable(found)
    return done


async def _letters(
    settings: "KafkaSettings", wanted: "LetterFilter", found: "Found", after: "Position | None"
) -> "AsyncGenerator[Letter, None]":
    """The letters that match the filter, with a progress bar of the read."""
    from streams.replay.dead_letters import letters

    with progress() as bar:
        task = bar.add_task("storage-dead-letters", total=None)
        found_letters = letters(
            settings,
            wanted,
            found,
            after=after,
            on_total=lambda total: bar.update(task, total=total),
            on_read=lambda count: bar.advance(task, count),
        )
        async with aclosing(found_letters):
            async for letter in found_letters:
                yield letter


def _position(text: str | None) -> "Position | None":
    from streams.kafka.scan import Position

    try:
        return None if text is None else Position.from_text(text)
    except ValueError:
        misuse("A position is written as the list gives it: 0:17.")


def _report_unreadable(found: "Found") -> None:
    if found.unreadable:
        print_stderr(f"{found.unreadable:,} messages of the topic are no dead letters")
