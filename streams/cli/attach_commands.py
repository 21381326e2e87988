"""``petstream attach`` and ``petstream detach``: argument parsing and output."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.arguments import AsJson
from streams.cli.console import fail, mistakes, misuse, print_json, print_line, waiting

if TYPE_CHECKING:
    from streams.attach.attachment import Attachment

# boto3 is imported inside the commands, so that --help stays fast.
# ruff: noqa: PLC0415

Bucket = Annotated[str, typer.Argument(metavar="s3://BUCKET[/PREFIX]", help="the bucket, in AWS_REGION")]
Prefix = Annotated[
    str | None, typer.Option(help="only keys that begin so; a folder ends in /, '' is all; default: uploads/")
]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="show the plan and change nothing")]


def attach(  # noqa: PLR0917 - Typer takes each option as a parameter
    bucket: Bucket,
    prefix: Prefix = None,
    check_seconds: Annotated[
        float, typer.Option(min=0, help="how long the test object's notification may take; 0: no check")
    ] = 180,
    yes: Yes = False,  # noqa: FBT002 - Typer's way to a flag
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Let a bucket that exists announce its uploads to a new queue, beside the notifications that it has.

    Shows its plan and asks. Makes a queue, a dead-letter queue and one notification, with the attributes of
    deploy/aws/ingest.yaml. Other notifications stay as they are. Then it puts and deletes an empty test object,
    which EventBridge and notifications of removals announce, too. Repeated, it changes nothing; interrupted, it goes
    on.

    S3 offers no condition for this change: what others change between its read and its write is lost. So it reads right
    before it writes, and looks afterwards whether others have overwritten it. Change notifications from one place at a
    time.

    Exit code: 0 attached, 1 not delivered or changed by others, 2 could not be done.

    Settings: AWS credentials, AWS_REGION.

    Example: [bold]petstream attach s3://pets --prefix uploads/ --dry-run[/]
    """
    from streams.app.attach import make, opened
    from streams.attach.notifications import others
    from streams.attach.plan import attach_steps
    from streams.cli.attach_report import plan_json, plan_lines, settings
    from streams.runtime.settings import AwsSettings, load

    with mistakes("Stopped. The same command goes on where this one ended."):
        read = load(AwsSettings)
        attachment = _attachment(bucket, prefix)
        reader = opened(read, attachment)
        with waiting(f"looking at {attachment}"):
            state = reader.state()
            steps = attach_steps(attachment, state, check=check_seconds > 0)
        kept = others(state.notifications, attachment)
        document = plan_json(attachment, steps, kept)
        _show(list(plan_lines(attachment, steps, kept)) if not json else [])
        if steps and not dry_run:
            _confirm(yes=yes, json=json)
            with waiting("") as now:
                make(reader, steps, begin=lambda step: now(f"{step.action} {step.name}"), check_seconds=check_seconds)
        queue = None if dry_run else reader.queue(attachment.name)
        found = settings(attachment, read.aws_region, queue.url) if queue else {}
        backfill = f"petstream backfill {attachment}"
        if json:
            print_json({**document, "dry_run": dry_run, "settings": found, "backfill": backfill})
            return
        if dry_run:
            print_line("nothing was changed")
            return
        print_line("attached" if steps else "attached already, nothing to do")
        _show([f"{name}={value}" for name, value in found.items()])
        print_line(f"The role of the bridge needs this queue: roles.yaml, QueueArn={queue.arn if queue else ''}")
        print_line(f"To classify what the bucket held before: {backfill}")


def detach(  # noqa: PLR0917 - Typer takes each option as a parameter
    bucket: Bucket,
    prefix: Prefix = None,
    settle: Annotated[
        float, typer.Option(min=0, help="seconds without the notification before queues count as empty")
    ] = 60,
    delete_messages: Annotated[bool, typer.Option("--delete-messages", help="also queues that hold messages")] = False,  # noqa: FBT002 - Typer's way to a flag
    yes: Yes = False,  # noqa: FBT002 - Typer's way to a flag
    dry_run: DryRun = False,  # noqa: FBT002 - Typer's way to a flag
    json: AsJson = False,  # noqa: FBT002 - Typer's way to a flag
) -> None:
    """
    Take back what petstream attach made for this bucket and prefix, and nothing else.

    The notification goes first. Queues are recognised by their tags, and stay while they hold messages: let the bridge
    work them off, then repeat the command. Of a bucket that is gone, the queues are deleted.

    Exit code: 0 done, 1 a queue holds messages or others changed the notifications, 2 could not be done.

    Settings: AWS credentials, AWS_REGION.

    Example: [bold]petstream detach s3://pets --prefix uploads/[/]
    """
    from streams.app.attach import opened, take_back
    from streams.attach.notifications import attached, others
    from streams.attach.plan import detach_steps, foreign_queues
    from streams.cli.attach_report import plan_json, plan_lines
    from streams.runtime.settings import AwsSettings, load

    with mistakes("Stopped. The same command goes on where this one ended."):
        attachment = _attachment(bucket, prefix)
        reader = opened(load(AwsSettings), attachment)
        with waiting(f"looking at {attachment}"):
            state = reader.remains()
            steps = detach_steps(attachment, state)
        kept = others(state.notifications, attachment)
        _show(list(plan_lines(attachment, steps, kept)) if not json else [])
        if steps and not dry_run:
            _confirm(yes=yes, json=json)
            with waiting("") as now:
                take_back(
                    reader,
                    steps,
                    begin=lambda step: now(f"{step.action} {step.name}"),
                    settle_seconds=settle,
                    delete_messages=delete_messages,
                )
        if json:
            print_json({**plan_json(attachment, steps, kept), "dry_run": dry_run})
            return
        done = "detached" if steps else "nothing of petstream attach is here"
        print_line("nothing was changed" if dry_run else done)
        rest = [each for each in attached(state.notifications, attachment.bucket) if each != attachment]
        _show([f"still attached: {each}" for each in rest])
        _show([f"left alone, because it has other tags: {name}" for name in foreign_queues(attachment, state)])


def _attachment(bucket: str, prefix: str | None) -> "Attachment":
    from streams.attach.attachment import Attachment
    from streams.backfill.listing import Place
    from streams.cli.attach_report import DEFAULT_PREFIX

    try:
        place = Place.from_text(bucket)
    except ValueError as error:
        misuse(str(error))
    if place.prefix and prefix is not None:
        misuse("The prefix is in the address already: leave out --prefix.")
    return Attachment.of(place.bucket, place.prefix or (DEFAULT_PREFIX if prefix is None else prefix))


def _confirm(*, yes: bool, json: bool) -> None:
    if yes:
        return
    if json or not sys.stdin.isatty():
        misuse("Nothing was changed, because nobody can be asked here: add --yes, or --dry-run to see the plan.")
    if not typer.confirm("Do this?", err=True):
        fail("Nothing was changed.")


def _show(lines: Sequence[str]) -> None:
    for line in lines:
        print_line(line)
