"""Wires ``petstream reconcile --every``: consecutive runs, each with its own connections, until a signal arrives."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from streams.app.bucket import run_reconcile
from streams.app.bucket_parts import Work
from streams.app.service import service
from streams.backfill.reconcile import Difference
from streams.backfill.reconcile_runs import ReconcileRuns
from streams.contracts.identity import image_url
from streams.runtime.progress import Progress
from streams.runtime.settings import ReconcilerSettings

NAMED: Final = 20
"""Objects of a run that are logged at INFO; the others are logged at DEBUG."""

log = structlog.get_logger()


async def run(
    settings: ReconcilerSettings, work: Work, *, every_seconds: float, grace: timedelta, publish: bool
) -> None:
    """Reconcile periodically. A run that a stop interrupts is not resumed: the next start begins a new run."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    def done(_counts: Counter[str]) -> None:
        step()

    async def one_run() -> Counter[str]:
        named = 0

        def found(difference: Difference) -> None:
            nonlocal named
            named += 1
            write = log.info if named <= NAMED else log.debug
            url = image_url(work.place.bucket, difference.listed.key)
            write("object.without_outcome", verdict=difference.verdict, url=url)

        return await run_reconcile(observed, settings, settings, settings, publish=publish, grace=grace, found=found)

    async with service(settings, "reconcile") as process:
        observed = replace(work, outages=process.outages, done=done, moved=step, attended=False)
        runs = ReconcileRuns(
            one_run,
            work.place,
            process.outages,
            every_seconds=every_seconds,
        )
        process.health.watch(Progress(pending=lambda: int(runs.is_running), done=lambda: steps))
        process.health.become_ready()
        running = asyncio.create_task(runs.serve())
        stopping = asyncio.create_task(process.stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if running.done():  # the service never ends: an end is a bug
            running.result()
        running.cancel()
        await asyncio.wait({running}, timeout=settings.shutdown_seconds)
