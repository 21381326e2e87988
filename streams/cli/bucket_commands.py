"""``petstream backfill`` and ``petstream reconcile``: argument parsing and output."""

import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from streams.cli.arguments import moment
from streams.cli.console import print_stderr
from streams.runtime.errors import INTERRUPTED, MISUSED
from streams.runtime.remedies import explained

if TYPE_CHECKING:
    from streams.app.bucket_parts import Work
    from streams.backfill.reconcile import Difference
    from streams.runtime.settings import AwsSettings, DatabaseSettings, KafkaSettings

DIFFERENT: Final = 1

SKIPPED: Final = ("folders", "archived", "filtered")

# The packages for Kafka, S3 and the database are imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415

PlaceArgument = Annotated[str, typer.Argument(metavar="s3://BUCKET[/PREFIX]", help="the objects whose keys begin so")]
Rate = Annotated[float, typer.Option(help="objects enqueued a second, at most; 0 for no limit", min=0)]
Resume = Annotated[
    Path | None, typer.Option(metavar="FILE", help="remember progress here, and go on from it; default: start anew")
]
Match = Annotated[
    str | None, typer.Option(metavar="GLOB", help="only keys like this, * also passes slashes; default: all")
]
Since = Annotated[
    str | None, typer.Option(help="last modified then or later, as 2026-03-01; UTC where no offset is given")
]
Until = Annotated[str | None, typer.Option(help="last modified before then, written as --since")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line, the summary last")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="publish nothing")]

RATE: Final = 100.0
"""Default, in objects a second. Objects are classified in the order of enqueuing, so the backlog should stay short."""
RATE_MIN: Final = 0.001
RATE_MAX: Final = 1_000_000
GRACE_MAX: Final = 10**9
EVERY_MIN: Final = 1
EVERY_MAX: Final = 30 * 24 * 60 * 60
SERVICE_RATE_MIN: Final = 0.1


def backfill(  # noqa: PLR0917 - Typer takes each option as a parameter
    place: PlaceArgument,
    rate: Rate = RATE,
    resume: Resume = None,
    match: Match = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Enqueue the objects that are in a bucket already, as if each had just been uploaded.

    Repeating it changes nothing that is stored, except that a newer model judges again. Set DATABASE_HOST as well (the
    reader's rights suffice): without it, objects of which something is stored keep what they have.

    Exit code: 0 done, 2 could not be done.

    Settings: AWS credentials; KAFKA_BOOTSTRAP_SERVERS unless it is a dry run.

    Example: [bold]petstream backfill s3://pets/uploads/ --rate 200 --resume backfill.json[/]
    """
    from streams.app.bucket import run_backfill
    from streams.cli.bucket_progress import shown
    from streams.runtime.settings import AwsSettings, CompareAndEnqueueSettings, DatabaseMention, EnqueueSettings, load

    work = _work(place, rate=rate, resume=resume, match=match, since=since, until=until)
    store: AwsSettings
    kafka: KafkaSettings | None = None
    database: DatabaseSettings | None = None
    if dry_run:
        store = load(AwsSettings)
    elif load(DatabaseMention).database_host is not None:
        store = kafka = database = load(CompareAndEnqueueSettings)
    else:
        store = kafka = load(EnqueueSettings)
    started = time.monotonic()
    with shown("backfill", work) as observed:
        counts = _run(work, lambda: run_backfill(observed, store, kafka, database))
    shown_counts = {name: counts[name] for name in ("listed", "chosen", "enqueued", "known", *SKIPPED)}
    _show_summary(shown_counts, place, started, dry_run=dry_run, json=json)


def reconcile(  # noqa: PLR0917 - Typer takes each option as a parameter
    place: PlaceArgument,
    enqueue: Annotated[bool, typer.Option("--enqueue", help="enqueue what is missing or outdated")] = False,  # noqa: FBT002 - Typer's way to a flag
    grace: Annotated[
        float, typer.Option(help="seconds: what was written this recently is on its way", min=0, max=GRACE_MAX)
    ] = 300,
    rate: Rate = RATE,
    resume: Resume = None,
    match: Match = None,
    since: Since = None,
    until: Until = None,
    every: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="a service: a run each 6h, 90m or 30s, which enqueues unless --dry-run"),
    ] = None,
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Compare a bucket with the tables: which objects have no outcome, or one of another version?

    Publishes nothing unless --enqueue or --every is given. Reads as the reader, from DATABASE_READER_HOST where that is
    set. What waits in Kafka is no finding: where KAFKA_BOOTSTRAP_SERVERS is set, it is looked for.

    With --every it runs until SIGTERM or Ctrl-C, waits for what does not answer, and serves /health and /metrics.

    Exit code: 0 every object has its outcome or is on its way, 1 some are missing or outdated, 2 could not be done.

    Settings: AWS credentials, DATABASE_HOST, DATABASE_NAME, DATABASE_USERNAME (the reader) and its password;
    KAFKA_BOOTSTRAP_SERVERS with --enqueue or --every.

    Example: [bold]petstream reconcile s3://pets/uploads/ --enqueue --resume reconcile.json[/]

    Example: [bold]petstream reconcile s3://pets/uploads/ --every 6h[/]
    """
    from streams.app.bucket import run_reconcile
    from streams.cli.bucket_progress import shown
    from streams.cli.bucket_report import difference_json, difference_line
    from streams.runtime.settings import CompareAndEnqueueSettings, KafkaMention, ReconcileSettings, load

    work = _work(place, rate=rate, resume=resume, match=match, since=since, until=until)
    wait = timedelta(seconds=grace)
    if every is not None:
        if resume is not None or json:
            _refuse("--every goes with neither --resume nor --json: each run begins anew, and the log is JSON.")
        _serve(work, every, wait, publish=not dry_run)
        return
    publish = enqueue and not dry_run
    store: AwsSettings
    kafka: KafkaSettings | None = None
    database: DatabaseSettings
    if publish or load(KafkaMention).kafka_bootstrap_servers is not None:
        store = kafka = database = load(CompareAndEnqueueSettings)
    else:
        store = database = load(ReconcileSettings)
        print_stderr("KAFKA_BOOTSTRAP_SERVERS is not set: what waits in Kafka counts as missing or outdated.")
    started = time.monotonic()
    with shown("reconcile", work) as observed:
        written = difference_json if json else difference_line

        def show(difference: "Difference") -> None:
            sys.stdout.write(written(work.place.bucket, difference))

        counts = _run(
            work, lambda: run_reconcile(observed, store, database, kafka, publish=publish, grace=wait, found=show)
        )
    names = ("listed", "ok", "missing", "outdated", "waiting", "pending", "enqueued", *SKIPPED)
    shown_counts = {name: counts[name] for name in names if kafka is not None or name != "waiting"}
    _show_summary(shown_counts, place, started, dry_run=not publish, json=json)
    if counts["missing"] or counts["outdated"]:
        raise typer.Exit(DIFFERENT)


def _serve(work: "Work", every: str, grace: timedelta, *, publish: bool) -> None:
    import asyncio

    from streams.app.reconciler import run
    from streams.runtime.durations import duration
    from streams.runtime.settings import ReconcilerSettings, load

    try:
        every_seconds = duration(every).total_seconds()
    except ValueError as error:
        _refuse(str(error))
    if not EVERY_MIN <= every_seconds <= EVERY_MAX:
        _refuse("--every is 1s to 30d.")
    if work.rate is not None and work.rate < SERVICE_RATE_MIN:
        _refuse(f"With --every a rate is at least {SERVICE_RATE_MIN} objects a second: slower is taken to hang.")
    asyncio.run(run(load(ReconcilerSettings), work, every_seconds=every_seconds, grace=grace, publish=publish))


def _work(
    place: str, *, rate: float, resume: Path | None, match: str | None, since: str | None, until: str | None
) -> "Work":
    from streams.app.bucket_parts import Work
    from streams.backfill.listing import Place
    from streams.backfill.scope import Scope

    if rate and not RATE_MIN <= rate <= RATE_MAX:
        _refuse(f"A rate is {RATE_MIN} to {RATE_MAX:,} objects a second, or 0 for no limit.")
    try:
        return Work(Place.from_text(place), Scope(match, moment(since), moment(until)), rate or None, resume)
    except ValueError as error:
        _refuse(str(error))


def _run(work: "Work", run: Callable[[], Awaitable[Counter[str]]]) -> Counter[str]:
    import asyncio

    async def main() -> Counter[str]:
        return await run()

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        file = work.resume
        print_stderr(
            f"Stopped. The same command goes on from {file}." if file else "Stopped; --resume FILE makes runs go on."
        )
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        explanation = explained(error)
        if explanation is None:
            raise
        _refuse(explanation.text)


def _show_summary(counts: Mapping[str, int], place: str, started: float, *, dry_run: bool, json: bool) -> None:
    from streams.cli.bucket_report import summary_json, summary_text

    seconds = time.monotonic() - started
    sys.stdout.write(
        summary_json(place, counts, seconds=seconds, dry_run=dry_run) if json else summary_text(counts, dry_run=dry_run)
    )


def _refuse(message: str) -> NoReturn:
    print_stderr(" ".join(message.split()))
    raise typer.Exit(MISUSED)
