"""One reconciliation after the other, by a clock that only moves when something takes time."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY

from streams.backfill.listing import ListingRefused, Place
from streams.backfill.reconcile_runs import ReconcileRuns
from streams.runtime import metrics
from streams.runtime.outages import Outages

EVERY = 3600.0
PLACE = Place("pets", "uploads/")
LABELS = {"bucket": "pets", "prefix": "uploads/"}


class Enough(BaseException):
    """The test has seen what it came for. No Exception: nothing here may survive it."""


@dataclass
class Runs:
    """Runs that take their time and end as they are told; the clock is theirs."""

    ends: list[Counter[str] | Exception]
    seconds: float = 60.0
    now: float = 1_000_000.0
    began: list[float] = field(default_factory=list)

    async def __call__(self) -> Counter[str]:
        if not self.ends:
            raise Enough
        self.began.append(self.now)
        self.now += self.seconds
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def go(runs: Runs, outages: Outages | None = None) -> None:
    for metric in (metrics.WITHOUT_OUTCOME, metrics.WITHOUT_OUTCOME_SINCE, metrics.RECONCILE_LAST_RUN):
        metric.clear()
    served = ReconcileRuns(
        runs,
        PLACE,
        outages or Outages(),
        every_seconds=EVERY,
        clock=lambda: runs.now,
        monotonic=lambda: runs.now,
        sleep=runs.sleep,
    )
    with pytest.raises(Enough):
        asyncio.run(served.serve())


def value(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, labels)


def test_the_first_run_comes_at_once_and_each_other_a_period_after_the_start_of_the_last() -> None:
    runs = Runs([Counter(), Counter(), Counter()])
    go(runs)
    assert [each - 1_000_000 for each in runs.began] == [0, EVERY, 2 * EVERY]


def test_a_run_that_takes_longer_than_the_period_is_followed_at_once() -> None:
    runs = Runs([Counter(), Counter()], seconds=2 * EVERY)
    go(runs)
    assert [each - 1_000_000 for each in runs.began] == [0, 2 * EVERY]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("error", [ListingRefused("There is no bucket pets."), RuntimeError("a bug")])
def test_a_run_that_fails_is_told_tried_again_and_ends_nothing(error: Exception) -> None:
    before = value("petstream_reconcile_runs_total", outcome="failed") or 0
    outages = Outages()
    edges: list[bool] = []
    outages.listen(lambda component: edges.append(component in {each.component for each in outages.current}))
    runs = Runs([error, error, Counter(), Counter()])
    go(runs, outages)
    assert edges == [True, False]
    assert value("petstream_reconcile_runs_total", outcome="failed") == before + 2
    # The next one a period after the start of the one that succeeded.
    assert [each - 1_000_000 for each in runs.began] == [0, 60, 120, 120 + EVERY]


@pytest.mark.usefixtures("impatient")
def test_a_process_whose_runs_all_failed_has_no_last_run() -> None:
    go(Runs([ListingRefused()]))
    assert value("petstream_reconcile_last_run_timestamp_seconds", **LABELS) is None
    assert value("petstream_objects_without_outcome", **LABELS, verdict="missing") is None
    assert value("petstream_reconcile_period_seconds", **LABELS) == EVERY


def test_what_a_run_found_is_shown_and_since_when_there_is_some() -> None:
    some = Counter(listed=9, ok=4, waiting=1, missing=3, outdated=1)
    go(Runs([some]))
    assert value("petstream_objects_without_outcome", **LABELS, verdict="missing") == 3
    assert value("petstream_objects_without_outcome", **LABELS, verdict="outdated") == 1
    assert value("petstream_objects_without_outcome_since_timestamp_seconds", **LABELS) == 1_000_000
    assert value("petstream_reconcile_last_run_timestamp_seconds", **LABELS) == 1_000_060  # its end
    go(Runs([Counter(), some, some]))
    assert value("petstream_objects_without_outcome_since_timestamp_seconds", **LABELS) == 1_000_000 + EVERY
    go(Runs([some, Counter(waiting=4)]))
    assert value("petstream_objects_without_outcome", **LABELS, verdict="missing") == 0
    assert value("petstream_objects_without_outcome_since_timestamp_seconds", **LABELS) == 0
