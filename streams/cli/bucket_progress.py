"""Progress and outages of a backfill or a reconciliation, on stderr; a bar only on a terminal."""

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streams.app.bucket_parts import Work
from streams.cli.console import DESCRIPTION, err, print_stderr
from streams.runtime.components import Component
from streams.runtime.outages import Outages


@contextmanager
def shown(what: str, work: Work) -> Iterator[Work]:
    """Show the work's progress and outages on stderr instead of the equivalent log lines."""
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    columns = (
        SpinnerColumn(),
        DESCRIPTION,
        BarColumn(bar_width=20),  # indeterminate: object stores do not report the number of objects
        TextColumn("{task.completed:,} listed, {task.fields[enqueued]:,} enqueued", markup=False),
        TimeElapsedColumn(),
    )
    try:
        with Progress(
            *columns,
            console=err,
            transient=True,
            disable=not err.is_terminal,
            redirect_stdout=sys.stdout.isatty(),  # piped output must not go to stderr
        ) as bar:
            task = bar.add_task(what, total=None, enqueued=0)

            def done(counts: Counter[str]) -> None:
                bar.update(task, completed=counts["listed"], enqueued=counts["enqueued"])

            yield replace(work, done=done, outage=_print_outage)
    finally:
        structlog.configure(**configured)


def _print_outage(outages: Outages, component: Component) -> None:
    name = component.replace("_", " ")
    away = next((each for each in outages.current if each.component == component), None)
    print_stderr(
        f"The {name} does not answer ({away.error}); waiting for it." if away else f"The {name} answers again."
    )
