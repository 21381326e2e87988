"""``petstream retries``: shows uploads that wait for a retry, and retries them at once. Parsing and output."""

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import completion
from streams.cli.arguments import AsJson, AsJsonLines, DryRun, Rate, Yes, object_id
from streams.cli.console import (
    REPLAY_STOPPED,
    fail,
    mistakes,
    misuse,
    print_json,
    print_line,
    print_page,
    print_stderr,
    print_table,
    progress,
    run,
)

if TYPE_CHECKING:
    from streams.cli.retries_table import Summary
    from streams.replay.retry_now import RetryCounts
    from streams.retry.waiting import Waiting, WaitingFilter
    from streams.runtime.settings import WaitingSettings

app = typer.Typer(help="Uploads that wait for another attempt: why, and trying them at once.", no_args_is_help=True)

# Kafka's client is imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415

Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="waiting for this reason; may be repeated", autocompletion=completion.retry_reasons),
]
Key = Annotated[str | None, typer.Option(help="of objects whose key begins so")]


@app.command("list")
def list_(
    reason: Reasons = None,
    key: Key = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="uploads to show, those that are due first")] = 50,
    json: AsJsonLines = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show what waits: how many on each topic and why, then the uploads, those that are due first.

    Settings: KAFKA_BOOTSTRAP_SERVERS; RETRY_DELAYS as the classifiers have it, for the time when each is due.

    Example: [bold]petstream retries list --reason forbidden --limit 10[/]
    """
    with mistakes():
        import asyncio

        from streams.runtime.settings import WaitingSettings, load

        summary = asyncio.run(_summary(load(WaitingSettings), _filter(reason, key), limit))
    from streams.cli.fitting_table import fitting
    from streams.cli.records_table import json_line
    from streams.cli.retries_table import COLUMNS, TOTALS, table_row

    if json:
        sys.stdout.write("".join(map(json_line, summary.rows)))
    elif summary.number:
        print_table(fitting(TOTALS, summary.total_rows()))
        print_line("")
        print_table(fitting(COLUMNS, map(table_row, summary.rows)))
    print_stderr(f"{summary.number:,} uploads wait" + (f"; shown are {limit:,}" if summary.number > limit else ""))


@app.command()
def show(
    one: Annotated[str, typer.Argument(metavar="PLACE|ID|s3://…", help="as list gives its place, or its object")],
    json: AsJsonLines = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Show all about one upload that waits, with its headers and its notification. Of an object's several: the last.

    Settings: KAFKA_BOOTSTRAP_SERVERS; RETRY_DELAYS as the classifiers have it.

    Example: [bold]petstream retries show image-uploads-retry-1m:0:17[/]
    """
    from streams.cli.retries_table import described, json_document

    found = run(_find(one)) or fail("No such upload waits; it may have had its attempt by now.")
    print_page(described(found), json_document(found), as_json=json)


@app.command()
def now(  # noqa: PLR0917 - Typer takes each option as a parameter
    reason: Reasons = None,
    key: Key = None,
    rate: Rate = None,
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    yes: Yes = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Try what waits at once, after its cause is mended. Harmless to repeat.

    A copy of each upload goes onto image-uploads. The originals go on waiting, and a copy that fails again counts as no
    attempt. Pictures that hung or killed their decoder are left out: they are tried again by themselves, where they
    hold up nobody.

    Settings: KAFKA_BOOTSTRAP_SERVERS.

    Example: [bold]petstream retries now --reason forbidden --key uploads/ann/ --dry-run[/]
    """
    with mistakes(REPLAY_STOPPED):
        import asyncio

        from streams.runtime.settings import WaitingSettings, load

        wanted = _filter(reason, key)
        if wanted.selects_everything and not (yes or dry_run):
            misuse("This would publish every upload that waits: narrow it down, or add --yes.")
        done = asyncio.run(_retry_now(load(WaitingSettings), wanted, rate=rate, dry_run=dry_run))
    if json:
        counts = {"uploads": done.uploads, "messages": done.messages, "left_out": done.suspects}
        print_json({"dry_run": dry_run, **counts})
        return
    print_stderr(
        f"{'would publish' if dry_run else 'published'} {done.messages:,} messages onto image-uploads, "
        f"for {done.uploads:,} uploads that wait"
    )
    if done.suspects:
        print_stderr(
            f"left out {done.suspects:,}: they hung or killed their decoder, and are tried again by themselves"
        )


def _filter(reasons: list[str] | None, key: str | None) -> "WaitingFilter":
    from typing import get_args

    from streams.contracts import RetryReason
    from streams.retry.waiting import WaitingFilter

    known: dict[str, RetryReason] = {each: each for each in get_args(RetryReason)}
    if unknown := set(reasons or ()) - known.keys():
        misuse(f"{', '.join(sorted(unknown))}: uploads wait for {', '.join(sorted(known))}.")
    return WaitingFilter(tuple(known[each] for each in reasons or ()), key)


async def _summary(settings: "WaitingSettings", wanted: "WaitingFilter", limit: int) -> "Summary":
    from streams.cli.retries_table import Summary

    summary = Summary(limit)
    async with aclosing(_waiting(settings, wanted)) as found:
        async for each in found:
            summary.add(each)
    return summary


async def _find(named: str) -> "Waiting | None":
    from streams.contracts.topics import RETRY_TOPICS
    from streams.retry.waiting import WaitingFilter
    from streams.runtime.settings import WaitingSettings, load

    settings = load(WaitingSettings)
    is_place = named.partition(":")[0] in RETRY_TOPICS
    wanted_id = None if is_place else object_id(named)
    last = None
    async with aclosing(_waiting(settings, WaitingFilter())) as found:
        async for each in found:
            if each.place == named or (wanted_id is not None and each.id == wanted_id):
                last = each
    return last


async def _retry_now(
    settings: "WaitingSettings", wanted: "WaitingFilter", *, rate: float | None, dry_run: bool
) -> "RetryCounts":
    from streams.contracts.topics import IMAGE_UPLOADS
    from streams.kafka.errors import partitions_of
    from streams.replay.republisher import Republisher
    from streams.replay.retry_now import retry_now

    async with AsyncExitStack() as stack:
        publisher = None
        if not dry_run:
            await partitions_of(settings, IMAGE_UPLOADS)
            publisher = await stack.enter_async_context(Republisher(settings, rate=rate))
        found = await stack.enter_async_context(aclosing(_waiting(settings, wanted)))
        return await retry_now(found, publisher)


async def _waiting(settings: "WaitingSettings", wanted: "WaitingFilter") -> "AsyncGenerator[Waiting, None]":
    """The uploads that match the filter, with a progress bar of the read."""
    from streams.retry.waiting import waiting

    with progress() as bar:
        task = bar.add_task("retry topics", total=0)

        def add(total: int) -> None:
            bar.update(task, total=(bar.tasks[0].total or 0) + total)

        found = waiting(settings, wanted, on_total=add, on_read=lambda count: bar.advance(task, count))
        async with aclosing(found):
            async for each in found:
                yield each
