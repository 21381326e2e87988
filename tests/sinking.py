"""
A sink process between Kafka and a database, results that are published to it, and the account at the end.

How long each recovery took is logged: pytest -o log_cli=true -o log_cli_level=INFO shows it.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from deploy.local.pipeline import Worker
from streams.contracts import ImageClassified, Model, Scores, encode
from streams.contracts.identity import image_id, image_url, pad_sequencer
from tests.world import World

log = logging.getLogger(__name__)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECOVERY_SECONDS = 120.0
_IMPATIENT: Final = """
import persistence.pool

persistence.pool.CONNECT_TIMEOUT_SECONDS = persistence.pool.ACQUIRE_TIMEOUT_SECONDS = 2.0
persistence.pool.COMMAND_TIMEOUT_SECONDS = 3.0
"""


def impatient(folder: Path, more: str = "") -> dict[str, str]:
    """
    The environment of a sink that gives a silent database up after 3 s instead of 15.

    Python imports ``sitecustomize`` before anything else; ``more`` is put into it, too.
    """
    (folder / "sitecustomize.py").write_text(_IMPATIENT + more)
    return {"PYTHONPATH": str(folder)}


def key_of(number: int) -> str:
    """The key of the object that is published as the so manieth, from 0."""
    return f"uploads/ann/{number}.jpg"


def classified(bucket: str, key: str, **changes: object) -> ImageClassified:
    fields: dict[str, object] = {
        "id": image_id(bucket, key),
        "user_name": "ann",
        "image_url": image_url(bucket, key),
        "bucket": bucket,
        "key": key,
        "version_id": None,
        "etag": None,
        "sequencer": pad_sequencer("1"),
        "classification": "cat",
        "confidence": 0.9876,
        "scores": Scores(cat=0.9876, dog=0.01, neither=0.0024),
        "processing_time_ms": 12,
        "uploaded_at": NOON,
        "classified_at": NOON,
        "model": Model(name="test", version="1.0", rev=1, sha256="0" * 64),
    }
    return ImageClassified(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'


@dataclass
class Sinking:
    """``env`` leads the sink to its database; the account is read from the database itself."""

    world: World
    env: Mapping[str, str]
    published: set[UUID] = field(default_factory=set)
    worker: Worker = field(init=False)

    def start(self) -> Worker:
        (self.worker,) = self.world.start("sink", env=self.env)
        return self.worker

    async def begin(self, count: int) -> None:
        """Start it unless it runs already, and have it store so many results: all is well."""
        if not hasattr(self, "worker") or not self.worker.process.is_running:
            self.start()
        await self.publish(count)
        self.wait_stored()

    async def publish(self, count: int) -> None:
        """So many results of objects that nobody spoke of before."""
        first = len(self.published)
        events = [classified(self.world.bucket, key_of(n)) for n in range(first, first + count)]
        await self.world.publish(*(encode(event) for event in events), topic="image-classifications")
        self.published |= {event.id for event in events}

    def stored(self) -> set[UUID]:
        return {row["id"] for row in self.world.rows("SELECT id FROM classification_records")}

    def wait_degraded(self, *says: str) -> None:
        """Until the sink declares an outage; if words are given, with one of them: its first error may be another."""

        def warnings() -> str:
            return str((self.worker.health() or {}).get("warnings") or "")

        self.world.eventually(
            lambda: any(word in warnings() for word in says) if says else warnings(), RECOVERY_SECONDS, warnings
        )

    def wait_stored(self) -> float:
        """Seconds until everything published is stored."""
        started = time.monotonic()
        self.world.eventually(lambda: self.stored() == self.published, RECOVERY_SECONDS)
        return time.monotonic() - started

    async def assert_account(self) -> None:
        """Everything that was published is stored once, nothing was given up, and the first process is still at it."""
        log.info("recovered in %.2f s", self.wait_stored())
        assert self.worker.process.poll() is None
        assert await self.world.events("storage-dead-letters") == []
        self.world.eventually(lambda: (self.worker.health() or {}).get("status") == "ok", RECOVERY_SECONDS)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.world.dsn, autocommit=True) as connection:
            connection.execute(statement.encode())
