"""``python -m tests.chaos --seed 1 --objects 5000 --faults 45``: a seeded run on the embedded stack; 0 if it holds."""

import asyncio
import logging
import math
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from deploy.local.stack import Stack
from streams.classify.model_artifact import exported
from tests.chaos.contents import contents
from tests.chaos.faults import at_length, schedule
from tests.chaos.plan import uploads
from tests.chaos.run import Chaos
from tests.world import create

KILLS_OF_FAULTS = 0.45
LONG_OUTAGE_FROM = 5000
OBJECTS_OF_ONE_FOLDER = 4
"""One object is deleted in such a folder for so many that are uploaded otherwise: 1,250 for 5,000."""


def main(  # noqa: PLR0917 - the options of the command
    seed: Annotated[int, typer.Option(help="the same seed draws the same objects and faults")] = 1,
    objects: Annotated[int, typer.Option(min=1, help="how many objects are uploaded")] = 1000,
    faults: Annotated[
        int,
        typer.Option(min=0, help="how many; what is in every run comes besides"),
    ] = 40,
    kills: Annotated[int | None, typer.Option(min=0, help="how many of them are kill -9; default: 45 %")] = None,
    pause: Annotated[float, typer.Option(help="mean seconds from one fault to the next")] = 8.0,
    brokers: Annotated[int, typer.Option(help="1, or 3 that lose their leaders")] = 3,
    json: Annotated[Path | None, typer.Option(help="write the account to this file too")] = None,
) -> None:
    """
    Break things while pictures arrive, then compare what was uploaded with what is in the tables and on the topics.

    Example: python -m tests.chaos --seed 7 --objects 5000 --faults 45 --json account.json
    """
    console, began = Console(width=None if sys.stdout.isatty() else 120), time.monotonic()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of brokers that are killed is no news

    def print_line(line: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {line}", highlight=False, markup=False, soft_wrap=True)

    model = exported(None, None, print_line)
    pictures = contents(model)
    of_kills = math.ceil(faults * KILLS_OF_FAULTS) if kills is None else min(kills, faults)
    plan = schedule(seed, faults=faults, kills=of_kills, pause_seconds=pause, nodes=brokers)
    if objects >= LONG_OUTAGE_FROM:
        plan = at_length(plan)
    with Stack(kafka_nodes=brokers) as stack:
        print_line(f"{stack.kafka.kind} ({brokers}), {stack.postgres.kind}, {stack.objects.kind}, seed {seed}")
        print_line(f"{len(pictures)} contents, {objects} objects, {faults} faults, {of_kills} of them kills")
        world = create(stack, "chaos", model, template=None)
        report = asyncio.run(
            Chaos(world, seed, print_line, crowd=max(40, objects // OBJECTS_OF_ONE_FOLDER)).run(
                list(uploads(seed, objects, pictures)), plan
            )
        )
    console.print(report.table())
    for line in report.lines():
        print_line(line)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report.document())))
    sys.exit(0 if report.holds else 1)


if __name__ == "__main__":
    typer.run(main)
