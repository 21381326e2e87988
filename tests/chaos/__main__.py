"""``python -m tests.chaos --seed 1 --objects 1000 --faults 40``: a seeded run on the embedded stack; 0 if it holds."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated

import skimage
import typer
from rich.console import Console

from deploy.local.stack import Stack
from streams.model_artifact import exported
from tests.chaos.plan import pictures, uploads
from tests.chaos.run import Chaos
from tests.world import create


def main(
    seed: Annotated[int, typer.Option(help="the same seed draws the same objects and faults")] = 1,
    objects: Annotated[int, typer.Option(min=1, help="how many objects are uploaded")] = 1000,
    faults: Annotated[int, typer.Option(min=0, help="how many faults happen meanwhile")] = 40,
    pause: Annotated[float, typer.Option(help="mean seconds between two faults")] = 3.0,
) -> None:
    """Break things while pictures arrive, then compare what was uploaded with what is in the tables."""
    console, began = Console(), time.monotonic()

    def tell(line: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {line}", highlight=False, markup=False)

    data = Path(skimage.__file__).parent / "data"
    contents = pictures((data / "chelsea.png").read_bytes(), (data / "coffee.png").read_bytes())
    model = exported(None, None, tell)
    with Stack() as stack:
        tell(f"{stack.kafka.kind}, {stack.postgres.kind}, {stack.objects.kind}, seed {seed}")
        world = create(stack, "chaos", model, template=None)
        chaos = Chaos(world, seed, tell)
        account = asyncio.run(
            chaos.run(list(uploads(seed, objects, contents)), fault_count=faults, pause_seconds=pause)
        )
        for line in (*account.lines(), f"kills: {dict(chaos.kills)}"):
            tell(line)
    sys.exit(0 if account.holds else 1)


if __name__ == "__main__":
    typer.run(main)
