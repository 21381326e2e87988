"""Topic pipeline-status: tells whoever asks whether results are being stored, at each edge and as a heartbeat."""

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

UNTOLD_MAX: Final = 64
"""Edges that are kept while Kafka is away. The topic is compacted: older ones would tell nobody anything."""


def storage_status(outages: Outages, *, healthy_since: datetime, now: datetime) -> PipelineStatus:
    """The status of storage at a moment."""
    outage = next((outage for outage in outages.current if outage.component == "database"), None)
    if outage is None:
        return PipelineStatus(component="storage", state="ok", since=healthy_since, at=now, warning=None)
    warning = f"Results are not being stored since {outage.since:%H:%M:%S} UTC. Nothing is lost: they wait in Kafka."
    return PipelineStatus(component="storage", state="degraded", since=outage.since, at=now, warning=warning)


async def report(publisher: Publisher, outages: Outages, *, interval_seconds: float) -> None:
    """Publish the status for ever: at once, at each edge, and as a heartbeat after ``interval_seconds`` without one."""
    untold: deque[PipelineStatus] = deque(maxlen=UNTOLD_MAX)
    edge = asyncio.Event()
    healthy_since = datetime.now(UTC)

    def look(component: Component) -> None:
        nonlocal healthy_since
        if component != "database":
            return
        now = datetime.now(UTC)
        if all(outage.component != "database" for outage in outages.current):
            healthy_since = now
        untold.append(storage_status(outages, healthy_since=healthy_since, now=now))
        edge.set()

    outages.listen(look)
    untold.append(storage_status(outages, healthy_since=healthy_since, now=healthy_since))
    while True:
        while untold:
            value = contracts.encode(untold.popleft())
            await publisher.publish(PIPELINE_STATUS, key=b"storage", value=value, headers=[])
        edge.clear()
        try:
            async with asyncio.timeout(interval_seconds):
                await edge.wait()
        except TimeoutError:
            untold.append(storage_status(outages, healthy_since=healthy_since, now=datetime.now(UTC)))
