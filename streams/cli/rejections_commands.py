"""``petstream rejections``: shows and replays rejected uploads. Argument parsing and output."""

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import completion
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
    from persistence.rejection_reads import Rejection, RejectionFilter, RejectionPage
    from persistence.selection import Cursor
    from streams.replay.rejections import ReplayedRejections
    from streams.runtime.settings import DatabaseSettings, KafkaSettings

app = typer.Typer(help="Uploads that got no label: why, and trying them again.", no_args_is_help=True)

# The database packages are imported inside the commands: --help stays fast, and the bridge's image has none.
# ruff: noqa: PLC0415

Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="rejected for this reason; may be repeated", autocompletion=completion.reasons),
]
User = Annotated[str | None, typer.Option(help="of this user, exactly as stored")]
Since = Annotated[str | None, typer.Option(help="uploaded then or later: 2026-03-01 or 2026-03-01T12:00+01:00")]
Until = Annotated[str | None, typer.Option(help="uploaded before then; UTC where no offset is given")]
Bucket = Annotated[str | None, typer.Option(help="in this bucket")]
Prefix = Annotated[str | None, typer.Option(help="whose key begins so")]
Superseded = Annotated[bool, typer.Option("--all", help="also those whose object has another outcome meanwhile")]


@app.command("list")
def list_(  # noqa: PLR0917 - Typer takes each option as a parameter
    reason: Reasons = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    bucket: Bucket = None,
    prefix: Prefix = None,
    superseded: Superseded = False,  # noqa: FBT002 - Typer's way to a flag
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="go on where a page ended")] = None,
    limit: Annotated[int, typer.Option(help="rejections of a page, 1 to 10,000")] = 50,
    json: AsJsonLines = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show the rejections that still stand, newest first, page by page.

    The next page's cursor goes to stderr. Reads from DATABASE_READER_HOST, else from DATABASE_HOST.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the reader) and its password.

    Example: [bold]petstream rejections list --reason forbidden --reason missing --since 2026-03-01 --json[/]
    """
    with mistakes():
        import asyncio

        from persistence.selection import Cursor
        from streams.runtime.settings import DatabaseSettings, load

        wanted = _filter(
            reasons=reason,
            user=user,
            since=since,
            until=until,
            bucket=bucket,
            prefix=prefix,
            superseded=superseded,
        )
        start = None if after is None else Cursor.from_text(after)
        page = asyncio.run(_page(load(DatabaseSettings), wanted, start, limit))
    from streams.cli.fitting_table import fitting
    from streams.cli.rejections_table import COLUMNS, json_row, table_rows

    if json:
        sys.stdout.write("".join(json_row(rejection) for rejection in page.rejections))
    else:
        print_table(fitting(COLUMNS, table_rows(page.rejections)))
    if page.after is not None:
        print_stderr(f"next page: --after={page.after.to_text()}")


@app.command()
def show(
    one: Annotated[str, typer.Argument(metavar="ID|s3://…", help="the object, by id or by URL")],
    json: AsJsonLines = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show all about one rejection, also one that no longer stands, with the upload event that it came from.

    Settings: DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the reader) and its password.

    Example: [bold]petstream rejections show s3://pictures/uploads/ann/1.jpg[/]
    """
    from streams.cli.rejections_table import described, json_document

    found = run(_find(one)) or fail("No rejection of this object is stored.")
    print_page(described(found), json_document(found), as_json=json)


@app.command()
def replay(  # noqa: PLR0917 - Typer takes each option as a parameter
    objects: Annotated[list[str] | None, typer.Argument(metavar="ID|s3://…", help="only these objects")] = None,
    reason: Reasons = None,
    user: User = None,
    since: Since = None,
    until: Until = None,
    bucket: Bucket = None,
    prefix: Prefix = None,
    superseded: Superseded = False,  # noqa: FBT002 - Typer's way to a flag
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many, the newest; default: all")] = None,
    rate: Rate = None,
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    yes: Yes = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Publish the upload events of rejections again, once their cause is mended. Harmless to repeat.

    [bold]forbidden[/]: after the bucket's policy or the role is mended.
    [bold]missing[/]: after the object is back.
    [bold]no_user[/]: after another S3_KEY_PATTERN or S3_DEFAULT_USER.
    [bold]too_many_bytes, too_many_pixels[/]: after a higher limit.
    [bold]undecodable, unsupported_format, decoder_crashed[/]: after new decoders.
    [bold]unavailable[/]: once the store gives the object.
    [bold]not_a_pet[/]: after another model.
    [bold]failed[/]: after an upgrade; the detail says how petstream failed.
    [bold]malformed_event[/]: after an upgrade that understands it.

    Outcomes keep the version of the upload, so a newer upload still wins.
    A picture that gets less far than before keeps its old reason.
    A message that names several objects is published once, and does them all.

    Settings: KAFKA_BOOTSTRAP_SERVERS, DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the reader) and its password.

    Example: [bold]petstream rejections replay --reason forbidden --bucket pictures --rate 100 --dry-run[/]
    """
    with mistakes(REPLAY_STOPPED):
        import asyncio

        from streams.runtime.settings import DatabaseSettings, KafkaSettings, load

        wanted = _filter(
            reasons=reason,
            user=user,
            since=since,
            until=until,
            bucket=bucket,
            prefix=prefix,
            superseded=superseded,
            objects=objects,
        )
        if wanted.selects_everything and limit is None and not (yes or dry_run):
            misuse("This would publish every rejection that stands: narrow it down, or add --yes.")
        kafka = None if dry_run else load(KafkaSettings)
        done = asyncio.run(_replay(load(DatabaseSettings), kafka, wanted, limit=limit, rate=rate))
    if json:
        counts = {"messages": done.messages, "rejections": done.rejections, "reasons": done.reasons, "cut": done.cut}
        print_json({"dry_run": dry_run, **counts})
        return
    reasons = ", ".join(f"{name} {number:,}" for name, number in sorted(done.reasons.items()))
    print_stderr(
        f"{'would publish' if dry_run else 'published'} {done.messages:,} messages onto image-uploads-bulk, "
        f"for {done.rejections:,} rejections{': ' if reasons else ''}{reasons}"
    )
    if done.cut:
        print_stderr(
            f"left out {done.cut:,}: only the beginning of their upload event was kept, as the whole is larger than a "
            "topic takes; their detail has its sha256. Publish the original again, in smaller messages; petstream "
            "reconcile enqueues the objects that have no outcome"
        )


def _filter(
    *,
    reasons: list[str] | None,
    user: str | None,
    since: str | None,
    until: str | None,
    bucket: str | None,
    prefix: str | None,
    superseded: bool,
    objects: list[str] | None = None,
) -> "RejectionFilter":
    from persistence.rejection_reads import RejectionFilter
    from streams.sink.rows import storable

    return RejectionFilter(
        reasons=tuple(reasons or ()),
        user_name=user,
        since=moment(since),
        until=moment(until),
        bucket=bucket,
        prefix=None if prefix is None else storable(prefix),
        ids=tuple(dict.fromkeys(object_id(named) for named in objects or ())),
        superseded=superseded,
    )


async def _page(
    settings: "DatabaseSettings", wanted: "RejectionFilter", after: "Cursor | None", limit: int
) -> "RejectionPage":
    from persistence import rejection_reads

    async with AsyncExitStack() as stack:
        return await rejection_reads.page(await _reader(stack, settings), wanted, after, limit=limit)


async def _find(named: str) -> "Rejection | None":
    from persistence import rejection_reads
    from streams.runtime.settings import DatabaseSettings, load

    settings = load(DatabaseSettings)
    async with AsyncExitStack() as stack:
        return await rejection_reads.find(await _reader(stack, settings), object_id(named))


async def _replay(
    settings: "DatabaseSettings",
    kafka: "KafkaSettings | None",
    wanted: "RejectionFilter",
    *,
    limit: int | None,
    rate: float | None,
) -> "ReplayedRejections":
    from streams.contracts.topics import IMAGE_UPLOADS_BULK
    from streams.kafka.errors import partitions_of
    from streams.replay.rejections import replay as publish_again  # the command is named replay
    from streams.replay.republisher import Republisher

    async with AsyncExitStack() as stack:
        pool = await _reader(stack, settings)
        total = await _total(pool, wanted)
        named = len(wanted.ids)
        if total is not None and total < named:
            fail(f"Of the {named:,} objects named, {total:,} have such a rejection that stands; nothing was done.")
        publisher = None
        if kafka is not None:
            await partitions_of(kafka, IMAGE_UPLOADS_BULK)
            publisher = await stack.enter_async_context(Republisher(kafka, rate=rate))
        with progress() as bar:
            task = bar.add_task("rejections", total=min((n for n in (total, limit) if n is not None), default=None))
            return await publish_again(pool, wanted, publisher, limit=limit, on_rejection=lambda: bar.advance(task))


async def _total(pool: Any, wanted: "RejectionFilter") -> int | None:
    from persistence import rejection_reads
    from persistence.errors import TransientPersistenceError

    try:
        return await rejection_reads.count(pool, wanted)
    except TransientPersistenceError:
        if wanted.ids:
            raise
        return None  # the count exceeds the reader's statement_timeout: show an indeterminate bar


async def _reader(stack: AsyncExitStack, settings: "DatabaseSettings") -> Any:
    from persistence.pool import open_pool
    from streams.runtime.database_config import reader_config

    return await stack.enter_async_context(await open_pool(reader_config(settings), read_only=True))
