"""Opens listing, lookup and publisher for ``petstream backfill`` and ``reconcile``, and checks that they answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from streams.backfill.backfill import Enqueue, Lookup, StoredVersions, nothing_known
from streams.backfill.listing import Listed, Listing, Place
from streams.backfill.notification import Source, message_key, notification
from streams.backfill.scope import Scope
from streams.contracts.identity import image_id
from streams.contracts.topics import IMAGE_UPLOADS_BULK
from streams.kafka import errors as brokers
from streams.kafka.publisher import Publisher
from streams.runtime.components import Component
from streams.runtime.errors import MISUSED, MendableError
from streams.runtime.outages import Outages
from streams.runtime.rate_limit import Pace
from streams.runtime.retries import until_available
from streams.runtime.settings import AwsSettings, DatabaseSettings, KafkaSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from persistence.pool import Pool

OPENING_SECONDS: Final = 15.0
"""Time limit for each dependency at the start of an attended run. Later a run waits for it without limit."""
STORE_SECONDS: Final = 4.0
"""Time limit for a store whose first answers are failures, such as a wrong S3_ENDPOINT_URL."""
CLOSING_SECONDS: Final = 5.0
"""How long an interrupted run waits for the confirmation of messages in flight."""

# The database packages are imported only with a database: a backfill can run without one.
# ruff: noqa: PLC0415


class Unreachable(MendableError):  # noqa: N818 - the name says what happened
    """A dependency does not answer at the start of a run."""

    exit_code = MISUSED


@dataclass(frozen=True, slots=True)
class Work:
    """
    The arguments of a run, from a command or a service.

    ``rate`` is in objects a second, None for no limit. ``done`` is called with the counts after each page, ``moved``
    while the waiting messages are read, ``outage`` at the begin and the end of each outage once all parts answer.
    ``attended``: a person waits, so a part that does not answer at the start raises Unreachable; else the run waits.
    """

    place: Place
    scope: Scope = field(default_factory=Scope)
    rate: float | None = None
    resume: Path | None = None
    done: Callable[[Counter[str]], None] = lambda _counts: None
    moved: Callable[[], None] = lambda: None
    outage: Callable[[Outages, Component], None] | None = None
    attended: bool = True
    outages: Outages = field(default_factory=Outages)


@asynccontextmanager
async def opened(
    work: Work, source: Source, store: AwsSettings, kafka: KafkaSettings | None, database: DatabaseSettings | None
) -> AsyncIterator[tuple[Listing, Lookup, Enqueue | None]]:
    """Open the parts of the run and check that each answers."""
    listing = Listing(_client(store), work.place, work.outages)
    remedy = "S3_ENDPOINT_URL, AWS_REGION and the network"
    await _answered(listing.look, "object_store", work, remedy, failing_seconds=STORE_SECONDS)
    async with AsyncExitStack() as stack:
        lookup: Lookup = nothing_known
        if database is not None:
            lookup = await stack.enter_async_context(_lookup(work, database))
        enqueue: Enqueue | None = None
        if kafka is not None:
            enqueue = await stack.enter_async_context(_enqueue(work, source, kafka))
        if work.outage is not None:
            work.outages.listen(partial(work.outage, work.outages))
        yield listing, lookup, enqueue


def _client(settings: AwsSettings) -> "S3Client":
    config = Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 1})  # we retry ourselves
    return boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint, config=config)


@asynccontextmanager
async def _lookup(work: Work, settings: DatabaseSettings) -> AsyncIterator[Lookup]:
    from persistence.pool import open_pool
    from streams.runtime.database_config import reader_config

    async with await open_pool(reader_config(settings), read_only=True) as pool:
        lookup = partial(_stored, pool, work)
        remedy = "DATABASE_READER_HOST, DATABASE_HOST, DATABASE_PORT and DATABASE_SSL"
        await _answered(partial(lookup, ()), "database", work, remedy)
        yield lookup


async def _stored(pool: "Pool", work: Work, objects: Sequence[Listed]) -> StoredVersions:
    from persistence.errors import TransientPersistenceError
    from persistence.versions import stored_versions

    keys = {image_id(work.place.bucket, each.key): each.key for each in objects}
    found = await until_available(
        lambda: stored_versions(pool, list(keys)),
        on=TransientPersistenceError,
        component="database",
        outages=work.outages,
    )
    return {keys[each]: version for each, version in found.items()}


@asynccontextmanager
async def _enqueue(work: Work, source: Source, settings: KafkaSettings) -> AsyncIterator[Enqueue]:
    remedy = "KAFKA_BOOTSTRAP_SERVERS and the network"
    await _answered(lambda: brokers.partitions_of(settings, IMAGE_UPLOADS_BULK), "kafka", work, remedy)
    publisher = Publisher(settings, work.outages)
    try:
        await _answered(publisher.__aenter__, "kafka", work, remedy)
        yield _Publishing(publisher, Pace(work.rate), source, work.place.bucket)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await publisher.__aexit__()


@dataclass(frozen=True, slots=True)
class _Publishing:
    """Publishes objects at a limited rate; returns once the broker has confirmed all of them."""

    publisher: Publisher
    pace: Pace
    source: Source
    bucket: str

    async def __call__(self, objects: Sequence[Listed], known: StoredVersions) -> None:
        async with asyncio.TaskGroup() as confirming:
            for each in objects:
                await self.pace.turn()
                message = notification(self.source, self.bucket, each, known.get(each.key))
                key = message_key(self.bucket, each)
                confirming.create_task(self.publisher.publish(IMAGE_UPLOADS_BULK, key=key, value=message, headers=[]))


async def _answered(
    call: Callable[[], Awaitable[object]],
    component: Component,
    work: Work,
    settings: str,
    *,
    failing_seconds: float = OPENING_SECONDS,
) -> None:
    """Wait for an answer; ``failing_seconds`` is the limit once an attempt has failed, OPENING_SECONDS in silence."""
    if not work.attended:
        await call()
        return

    def why() -> str:
        return next((f" ({each.error})" for each in work.outages.current if each.component == component), "")

    answer = asyncio.ensure_future(call())
    try:
        await asyncio.wait({answer}, timeout=failing_seconds)
        if not (answer.done() or why()):
            await asyncio.wait({answer}, timeout=OPENING_SECONDS - failing_seconds)
        if not answer.done():
            raise Unreachable(f"The {component.replace('_', ' ')} does not answer{why()}", f"look at {settings}.")
        answer.result()
    finally:
        answer.cancel()
