"""Topic pipeline-status: tells whoever asks whether results are being stored, at each edge and as a heartbeat."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from streams import contracts
from streams.contracts import PipelineStatus
from streams.outages import Outages
from streams.publisher import Publisher
from streams.topics import PIPELINE_STATUS

LOOK_SECONDS: Final = 1.0


def storage_status(outages: Outages, *, healthy_since: datetime, now: datetime) -> PipelineStatus:
    """The status of storage at a moment."""
    outage = next((outage for outage in outages.current if outage.component == "database"), None)
    if outage is None:
        return PipelineStatus(component="storage", state="ok", since=healthy_since, at=now, warning=None)
    warning = f"Results are not being stored since {outage.since:%H:%M:%S} UTC. Nothing is lost: they wait in Kafka."
    return PipelineStatus(component="storage", state="degraded", since=outage.since, at=now, warning=warning)


async def report(publisher: Publisher, outages: Outages, *, interval_seconds: float) -> None:
    """Publish the status for ever: soon after each change, and at least every ``interval_seconds``."""
    loop = asyncio.get_running_loop()
    healthy_since = datetime.now(UTC)
    last_state, last_sent = "", float("-inf")
    while True:
        now = datetime.now(UTC)
        status = storage_status(outages, healthy_since=healthy_since, now=now)
        if status.state != last_state or loop.time() - last_sent >= interval_seconds:
            if status.state == "ok" and last_state == "degraded":
                healthy_since = now
                status = storage_status(outages, healthy_since=now, now=now)
            await publisher.publish(PIPELINE_STATUS, key=b"storage", value=contracts.encode(status), headers=[])
            last_state, last_sent = status.state, loop.time()
        await asyncio.sleep(LOOK_SECONDS)
