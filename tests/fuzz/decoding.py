"""
Damages pictures by the hundred thousand and watches the decoder: ``python -m tests.fuzz.decoding --count 100000``.

Ends with 0 if every case ended as pixels or as a rejection, with memory bounded and no process left over. A case that
did not, or that crashed a decoder, lies in the folder of findings, named by format, seed and number.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from inference.errors import REASONS
from tests.fuzz.campaign import DECODED, FORMATS, Report, fuzz

_MB = 1024 * 1024


def main() -> None:
    """Run it and end with the verdict."""
    options = _options()
    console = Console()
    kinds = FORMATS if options.format == "all" else (options.format,)
    numbers = range(options.count) if options.only is None else range(options.only, options.only + 1)
    columns = (TextColumn("{task.description:>5}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    reports: list[Report] = []
    with Progress(*columns, console=console) as progress:
        for kind in kinds:
            task = progress.add_task(kind, total=len(numbers))
            run = fuzz(
                kind,
                options.seed,
                numbers,
                workers=options.workers,
                findings=options.findings,
                advance=lambda task=task: progress.advance(task),  # type: ignore[misc]  # a default binds the loop's
            )
            reports.append(asyncio.run(run))
            progress.console.print(_counts(reports[-1]))
    console.print(_table(reports))
    faults = [fault for report in reports for fault in report.faults]
    for fault in faults:
        console.print(f"[red]{fault}")
    sys.exit(1 if faults else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.decoding", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="cases for each format")
    parser.add_argument("--format", choices=("all", *FORMATS), default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="decoding processes")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="make and decode this one case again")
    parser.add_argument("--findings", type=Path, default=Path("var/fuzz"), help="folder for what was found")
    return parser.parse_args()


def _counts(report: Report) -> str:
    outcomes = ", ".join(f"{name} {number:,}" for name, number in sorted(report.outcomes.items()))
    return f"{report.kind}: {outcomes}; {report.replaced} processes replaced"


def _table(reports: list[Report]) -> Table:
    table = Table("format", title="outcomes of damaged pictures")
    for name in (DECODED, *REASONS, "replaced", "parent grew MB", "child peak MB", "child rests at MB", "faults"):
        table.add_column(name, justify="right")
    for report in reports:
        table.add_row(
            report.kind,
            *(f"{report.outcomes[name]:,}" for name in (DECODED, *REASONS)),
            f"{report.replaced:,}",
            *(
                f"{size / _MB:.0f}"
                for size in (report.parent_growth_bytes, report.child_peak_bytes, report.child_resting_bytes)
            ),
            f"{len(report.faults):,}",
        )
    return table


if __name__ == "__main__":
    main()
