"""``python -m tests.soak --minutes 60 --rate 5``: an hour at a steady rate; 0 if nothing grew and nothing was lost."""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.stack import Stack
from streams.classify.model_artifact import exported
from tests.chaos.account import Account
from tests.chaos.plan import pictures
from tests.photographs import CHELSEA, COFFEE
from tests.soak.run import Soak
from tests.soak.verdict import Trend
from tests.world import create


def main(
    minutes: Annotated[float, typer.Option(min=1, help="how long pictures are uploaded")] = 60,
    rate: Annotated[float, typer.Option(min=0.1, help="uploads a second")] = 5,
    restart_every: Annotated[float, typer.Option(min=0.25, help="minutes between two graceful restarts")] = 4,
    sample_every: Annotated[float, typer.Option(min=0.5, help="seconds between two looks at each process")] = 5,
    output: Annotated[Path | None, typer.Option("--json", help="file that gets all samples and the verdict")] = None,
) -> None:
    """
    Run the pipeline at a steady rate with rolling restarts, and tell whether its processes grow.

    Example: python -m tests.soak --minutes 60 --rate 5 --json soak.json
    """
    console, began = Console(width=140), time.monotonic()

    def print_line(line: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {line}", highlight=False, markup=False)

    contents = pictures(CHELSEA.read_bytes(), COFFEE.read_bytes())
    model = exported(None, None, print_line)
    with Stack() as stack:
        print_line(f"{stack.kafka.kind}, {stack.postgres.kind}, {stack.objects.kind}")
        world = create(stack, "soak", model, template=None)
        soak = Soak(world, contents, 60 * minutes, rate, 60 * restart_every, sample_every, print_line)
        account = asyncio.run(soak.run())
    console.print(table(soak.trends()))
    for line in (*account.lines(), f"{len(soak.stops)} graceful restarts", *soak.broken()):
        print_line(line)
    if output is not None:
        output.write_text(json.dumps(report(soak, account), indent=1), encoding="utf-8")
    good = account.holds and not soak.broken()
    print_line("flat, and nothing is lost" if good else "NOT GOOD: see above")
    sys.exit(0 if good else 1)


def table(trends: list[Trend]) -> Table:
    """The trends for people."""
    shown = Table("process", "figure", title="medians of the second and the last quarter of each role's longest life")
    for heading in ("2nd quarter", "last quarter", "slope per hour", "may grow by"):
        shown.add_column(heading, justify="right")
    shown.add_column("verdict")
    for trend in trends:
        figures = (trend.second_quarter, trend.last_quarter, trend.slope_per_hour, trend.may_grow)
        verdict = "flat" if trend.is_flat else "[red]GROWING"
        shown.add_row(trend.process, trend.figure, *(f"{figure:,.1f}" for figure in figures), verdict)
    return shown


def report(soak: Soak, account: Account) -> dict[str, object]:
    """Everything, for programs."""
    return {
        "seconds": soak.seconds,
        "rate": soak.rate,
        "uploaded": account.uploaded,
        "account_holds": account.holds,
        "account": account.lines(),
        "broken": soak.broken(),
        "stops": soak.stops,
        "trends": [{**asdict(trend), "flat": trend.is_flat} for trend in soak.trends()],
        "lives": {name: [asdict(look) for look in looks] for name, looks in soak.lives.items()},
        "server_connections": soak.server_connections,
    }


if __name__ == "__main__":
    typer.run(main)
