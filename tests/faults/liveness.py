"""
What the tests of liveness share: a worker that has work and gets none done fails within its bound; one that waits does
not.

The bounds are short here; a test waits multiples of them, so that a busy machine fails nothing.
"""

import time
from collections import Counter
from typing import Final

from deploy.local.pipeline import Worker

BOUND_SECONDS: Final = 3
BOUNDS: Final = {"NO_PROGRESS_SECONDS": str(BOUND_SECONDS), "LOOP_SILENCE_SECONDS": str(BOUND_SECONDS)}
PATIENCE_SECONDS: Final = 150.0
LOOK_SECONDS: Final = 0.25
FAILED_LOOKS: Final = 5
"""So many in a row, and the worker would be restarted. Source: of Kubernetes' probes it is three, ten seconds apart."""


def failures(worker: Worker) -> str:
    """Why the worker fails its liveness; nothing if it lives."""
    said = worker.health() or {}
    return str(said["warnings"]) if said.get("status") == "failing" else ""


def live_for(seconds: float, *workers: Worker) -> None:
    """
    Nobody would restart any of them in this time; make it twice the bound, so that a failure has time to show.

    A worker that gets no processor for seconds says so, and truly: what restarts it asks several times in a row, too.
    """
    until = time.monotonic() + seconds
    in_a_row: Counter[str] = Counter()
    while time.monotonic() < until:
        for worker in workers:
            said = failures(worker)
            in_a_row[worker.url] = in_a_row[worker.url] + 1 if said else 0
            assert in_a_row[worker.url] < FAILED_LOOKS, f"{worker.role}: {said}"
        time.sleep(LOOK_SECONDS)
