"""Publishes whether results are being stored on topic pipeline-status: at each change, and as a heartbeat."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Final

from streams import contracts
from streams.contracts import PipelineStatus
from streams.contracts.topics import PIPELINE_STATUS
from streams.kafka.publisher import Publisher
from streams.runtime.components import Component
from streams.runtime.outages import Outages

PENDING_MAX: Final = 64
"""How many changes are kept while Kafka is unavailable. The topic is compacted, so older ones are not needed."""


def storage_status(outages: Outages, *, healthy_since: datetime, now: datetime) -> PipelineStatus:
    """The status of storage at a moment."""
    outage = next((outage for outage in outages.current if outage.component == "database"), None)
    if outage is None:
        return PipelineStatus(component="storage", state="ok", since=healthy_since, at=now, warning=None)
    warning = f"Results are not being stored since {outage.since:%H:%M:%S} UTC. Nothing is lost: they wait in Kafka."
    return PipelineStatus(component="storage", state="degraded", since=outage.since, at=now, warning=warning)


async def report(publisher: Publisher, outages: Outages, *, interval_seconds: float) -> None:
    """Publish the status until cancelled: at once, at each change, and ``interval_seconds`` after the last message."""
    pending: deque[PipelineStatus] = deque(maxlen=PENDING_MAX)
    changed = asyncio.Event()
    healthy_since = datetime.now(UTC)

    def on_change(component: Component) -> None:
        nonlocal healthy_since
        if component != "database":
            return
        now = datetime.now(UTC)
        if all(outage.component != "database" for outage in outages.current):
            healthy_since = now
        pending.append(storage_status(outages, healthy_since=healthy_since, now=now))
        changed.set()

    outages.listen(on_change)
    pending.append(storage_status(outages, healthy_since=healthy_since, now=healthy_since))
    while True:
        while pending:
            value = contracts.encode(pending.popleft())
            await publisher.publish(PIPELINE_STATUS, key=b"storage", value=value, headers=[])
        changed.clear()
        try:
            async with asyncio.timeout(interval_seconds):
                await changed.wait()
        except TimeoutError:
            pending.append(storage_status(outages, healthy_since=healthy_since, now=datetime.now(UTC)))
