"""
Runs reconciliations periodically: schedule, retries after a failure, and metrics of each run.

Independent of S3, Kafka and PostgreSQL: the run is an argument. A failed run never ends the service.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, NoReturn

import structlog

from streams.backfill.listing import Place
from streams.runtime import metrics
from streams.runtime.error_text import error_text
from streams.runtime.outages import Outages
from streams.runtime.remedies import explained
from streams.runtime.retries import UNTIL_AVAILABLE, until_available

LONGEST_WAIT_SECONDS: Final = 300.0
"""Longest wait before a failed run is retried. Each run lists the whole bucket."""

log = structlog.get_logger()


class ReconcileRuns:
    """
    Periodic runs for one place.

    Args:
        run: Does one run and returns the counts of ``reconcile``.
        place: Label of the metrics.
        outages: Gets an outage of component ``reconcile`` while no run succeeds.
        every_seconds: Time between the starts of two runs. After a longer run the next one starts at once.
        clock: Seconds since 1970, for the metrics.
        monotonic: Seconds, for the schedule.
        sleep: Sleeps for a number of seconds.
    """

    def __init__(
        self,
        run: Callable[[], Awaitable[Counter[str]]],
        place: Place,
        outages: Outages,
        *,
        every_seconds: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._run = run
        self._labels = (place.bucket, place.prefix)
        self._outages = outages
        self._every_seconds = every_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._began = 0.0
        self._without_outcome_since = 0.0
        self.is_running = False

    async def serve(self) -> NoReturn:
        """Start the first run at once, then the others on schedule."""
        metrics.RECONCILE_PERIOD.labels(*self._labels).set(self._every_seconds)
        while True:
            await until_available(
                self._attempt,
                on=Exception,  # bugs too: a bug fails this run and is logged with its traceback
                component="reconcile",
                outages=self._outages,
                policy=replace(UNTIL_AVAILABLE, longest_wait_seconds=min(LONGEST_WAIT_SECONDS, self._every_seconds)),
            )
            await self._sleep(max(0.0, self._began + self._every_seconds - self._monotonic()))

    async def _attempt(self) -> None:
        self._began, began_at = self._monotonic(), self._clock()
        self.is_running = True
        try:
            counts = await self._run()
        except Exception as error:
            metrics.RECONCILE_RUNS.labels("failed").inc()
            log.warning("reconcile.failed", error=error_text(error), exc_info=explained(error) is None)
            raise
        finally:
            self.is_running = False
        self._publish_metrics(counts, began_at)
        log.info("reconcile.done", seconds=round(self._monotonic() - self._began, 3), **counts)

    def _publish_metrics(self, counts: Counter[str], began_at: float) -> None:
        for verdict in metrics.WITHOUT_OUTCOME_VERDICTS:
            metrics.WITHOUT_OUTCOME.labels(*self._labels, verdict).set(counts[verdict])
        if not any(counts[verdict] for verdict in metrics.WITHOUT_OUTCOME_VERDICTS):
            self._without_outcome_since = 0.0
        elif not self._without_outcome_since:
            self._without_outcome_since = began_at
        metrics.WITHOUT_OUTCOME_SINCE.labels(*self._labels).set(self._without_outcome_since)
        metrics.RECONCILE_LAST_RUN.labels(*self._labels).set(self._clock())
        metrics.RECONCILE_RUNS.labels("succeeded").inc()
