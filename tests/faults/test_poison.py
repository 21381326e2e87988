"""
Poison is no outage: each ends where it belongs, and its neighbours wait no longer than docs/decisions/0014 says.

All of it at once, with one decoder, so that nobody can go round it, while a good picture arrives every quarter second.
"""

import asyncio
import io
import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from PIL import Image

from streams.runtime.components import COMPONENTS
from tests import sabotage
from tests.chaos.plan import pictures
from tests.http_faults import Answers, Ask, Honest, HttpFaults, Message
from tests.sabotage import Sabotage
from tests.world import World, metric

log = logging.getLogger(__name__)

DECODE_SECONDS = 1
HANG_SECONDS = 4 * DECODE_SECONDS
"""In the second attempt: four seconds on the clock for each of processor time that a decoder may take."""
LONGEST_SECONDS = 10.0 + 20.0
"""What nobody may have to wait longer for somebody else's picture, and what a busy machine adds."""


class OneIsForbidden:
    """One object is nobody's to read."""

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        kind = Answers(403, "AccessDenied") if b"/secret.jpg" in request.head.split(b"\r\n")[0] else Honest()
        await kind.exchange(request, ask, client)


def jpeg(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "JPEG")
    return buffer.getvalue()


class Neighbours(threading.Thread):
    """Good pictures, one after the other, until they are told to stop."""

    def __init__(self, world: World, data: bytes) -> None:
        super().__init__()
        self._world, self._data = world, data
        self.stopped = threading.Event()
        self.put: dict[str, datetime] = {}

    def run(self) -> None:
        while not self.stopped.wait(0.25):
            key = f"uploads/ann/neighbour-{len(self.put)}.jpg"
            self.put[key] = datetime.now(UTC)
            self._world.put(key, self._data)

    def longest_wait(self) -> float:
        """Seconds from upload to row."""
        rows = self._world.rows("SELECT source_key, created_at FROM classification_records")
        stored: dict[str, datetime] = {row["source_key"]: row["created_at"] for row in rows}
        return max((stored[key] - put).total_seconds() for key, put in self.put.items())


async def test_each_poison_ends_where_it_belongs_and_its_neighbours_wait_no_longer_than_is_said(
    world: World, chelsea: bytes, coffee: bytes, tmp_path: Path
) -> None:
    cat = pictures(chelsea, coffee)[0][0]
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE classification_records ADD CONSTRAINT poison CHECK (source_key NOT LIKE '%refused%')"
        )
    with HttpFaults(str(world.stack.objects.endpoint_url)) as store:
        store.behave(OneIsForbidden())
        env = {"S3_ENDPOINT_URL": store.url, "DECODE_WORKERS": "1", "DECODE_MAX_SECONDS": str(DECODE_SECONDS)}
        env |= Sabotage(tmp_path, sabotage.KILLERS).env
        (worker,) = world.start("classify", env=env, wait=False)
        _, sink = world.start("bridge", "sink", wait=False)
        world.put("uploads/ann/first.jpg", cat)
        world.wait_outcomes("uploads/ann/first.jpg")
        neighbours = Neighbours(world, cat)
        neighbours.start()
        await asyncio.sleep(1)
        began = time.monotonic()
        for name, data in (("killer", jpeg(7)), ("hangs", jpeg(5)), ("secret", cat), ("refused", cat)):
            world.put(f"uploads/ann/{name}.jpg", data)
        await world.publish(b"this is not JSON")
        try:
            outcomes = world.wait_outcomes(*(f"uploads/ann/{name}.jpg" for name in ("killer", "hangs", "secret")))
            world.eventually(lambda: metric(sink, "petstream_storage_dead_letters_total") == 1)
            world.eventually(lambda: world.rows("SELECT 1 FROM image_rejections WHERE reason = 'malformed_event'"))
        finally:
            neighbours.stopped.set()
            neighbours.join()
        assert time.monotonic() - began >= HANG_SECONDS  # or the poison was none
        world.wait_outcomes(*neighbours.put)
        assert {outcomes[f"uploads/ann/{name}.jpg"] for name in ("killer", "hangs")} == {"decoder_crashed"}
        assert outcomes["uploads/ann/secret.jpg"] == "forbidden"
        assert len(await world.events("storage-dead-letters")) == 1
        longest = neighbours.longest_wait()
        log.info("the longest wait of %d neighbours was %.2f s", len(neighbours.put), longest)
        assert longest < LONGEST_SECONDS
        for component in COMPONENTS:
            assert metric(worker, f'petstream_degraded{{component="{component}"}}') == 0
        # Once for each that ended it; then they were apart. On a busy machine a neighbour may have been one of them.
        crashed = 'petstream_uploads_parked_total{reason="decoder_crashed",topic="image-uploads-retry-1m"}'
        assert metric(worker, "petstream_decoders_replaced") == metric(worker, crashed) >= 2
        world.stop()
