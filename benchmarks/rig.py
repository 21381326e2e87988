"""The parts that every contender meets: a broker, a database, a store that costs almost nothing; what work costs."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks import workload
from benchmarks.processes import forget_peak, peak_mib, processor_seconds
from deploy.local.ports import free_port
from deploy.local.processes import ChildProcess
from deploy.local.stack import Stack
from persistence import migrate
from persistence.pool import DatabaseConfig
from streams.contracts import topics
from streams.kafka import admin as topic_admin

PATIENCE_SECONDS: Final = 120.0
"""So long without one more result, and a contender is taken to have failed."""

POLL_SECONDS: Final = 0.25
"""Whoever looks takes processor time from who is looked at: a round takes half a minute."""

NUMBERS: Final = count(1)

_ROWS: Final = "SELECT (SELECT count(*) FROM classification_records) + (SELECT count(*) FROM image_rejections)"


@dataclass(frozen=True, slots=True)
class Work:
    """What one piece of work took: seconds on the clock, and processor seconds by process name."""

    pictures: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_mib: Mapping[str, float]

    @property
    def pictures_per_second(self) -> float:
        """From the first message to the last result."""
        return self.pictures / self.seconds

    def cpu_ms(self, process: str) -> float:
        """Milliseconds of processor a picture, children included."""
        return 1000 * self.cpu_seconds[process] / self.pictures


@dataclass(slots=True)
class Ground:
    """A contender's own topics, database and processes."""

    prefix: str
    environment: Mapping[str, str]
    partitions: dict[str, list[TopicPartition]] = field(default_factory=dict)
    processes: dict[str, ChildProcess] = field(default_factory=dict)


class Rig:
    """Opened by ``opened``."""

    def __init__(self, stack: Stack, store_url: str, store: ChildProcess, pictures: Sequence[workload.Picture]) -> None:
        self.stack = stack
        self.store_url = store_url
        self.pictures = pictures
        self.store = store
        self._sizes = {picture.name: len(picture.data) for picture in pictures}
        self._published = count()

    @asynccontextmanager
    async def ground(self, partitions: int = 8) -> AsyncIterator[Ground]:
        """Topics and a database that nobody has used; what is started on it ends with it."""
        name = f"bench-{os.getpid()}-{next(NUMBERS)}"
        prefix, database = name + ".", name.replace("-", "_")
        server = self.stack.postgres
        server.create_database(database)
        config = DatabaseConfig(server.host, server.port, database, server.superuser, server.password, ssl=False)
        await asyncio.to_thread(migrate.up, config)
        servers = {"bootstrap_servers": self.stack.kafka.bootstrap_servers}
        await topic_admin.create(servers, prefix=prefix, partitions=partitions, replication_factor=1)
        ground = Ground(
            prefix,
            {
                "KAFKA_TOPIC_PREFIX": prefix,
                "DATABASE_NAME": database,
                "S3_ENDPOINT_URL": self.store_url,
                "AWS_ENDPOINT_URL_S3": self.store_url,
                "LOG_LEVEL": "INFO",
            },
        )
        try:
            yield ground
        finally:
            for process in ground.processes.values():
                await asyncio.to_thread(process.stop, 20)

    def spawn(self, ground: Ground, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> ChildProcess:
        """Start one process of a contender."""
        process = self.stack.spawn(f"{ground.prefix}{name}", argv, {**ground.environment, **environment})
        ground.processes[name] = process
        return process

    async def work(self, ground: Ground, pictures: int, result_topics: Sequence[str]) -> Work:
        """Name so many new pictures at once and wait until each has its result on the topics."""
        async with self._client() as client:
            before = await self._ends(client, ground, result_topics)
            cpu = self._cpu(ground)
            for process in ground.processes.values():
                forget_peak(process.pid)
            began = time.perf_counter()
            await self.publish(ground, pictures)
            await self._results(client, ground, result_topics, before + pictures)
            seconds = time.perf_counter() - began
        peaks = {name: peak_mib(process.pid) for name, process in ground.processes.items()}
        spent = {name: used - cpu[name] for name, used in self._cpu(ground).items()}
        return Work(pictures, seconds, spent, peaks)

    async def publish(
        self,
        ground: Ground,
        pictures: int,
        *,
        per_second: float | None = None,
        topic: str = topics.IMAGE_UPLOADS,
    ) -> list[tuple[str, str]]:
        """Put notifications onto a topic, all at once or at a steady rate; (key, picture's name) of each."""
        names = [picture.name for picture in self.pictures]
        run = f"{next(NUMBERS)}"
        sent, done = [], []
        producer = AIOKafkaProducer(bootstrap_servers=self.stack.kafka.bootstrap_servers)
        async with producer:
            began = time.perf_counter()
            for number, key in enumerate(workload.keys(names, pictures, run)):
                if per_second:
                    await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
                name = key.rpartition("/")[2]
                message = workload.notification("pictures", key, self._sizes[name], next(self._published))
                done.append(await producer.send(ground.prefix + topic, message, key=f"pictures/{key}".encode()))
                sent.append((key, name))
            await asyncio.gather(*done)
        return sent

    async def stored(self, ground: Ground, pictures: int) -> None:
        """Wait until so many pictures have their rows, counted since the ground was made."""
        server = self.stack.postgres
        database = ground.environment["DATABASE_NAME"]
        connection = await asyncpg.connect(
            host=server.host, port=server.port, database=database, user=server.superuser, password=server.password
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await connection.fetchval(_ROWS) < pictures:  # noqa: ASYNC110 - rows have no event
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            await connection.close()

    async def results(self, ground: Ground, result_topics: Sequence[str]) -> list[Any]:
        """Everything on the topics, as Kafka gives it."""
        async with self._client() as client:
            partitions = await _partitions(client, ground, result_topics)
            ends = await client.end_offsets(partitions)
            client.assign(partitions)
            await client.seek_to_beginning(*partitions)
            found: list[Any] = []
            while any([await client.position(partition) < ends[partition] for partition in partitions]):
                for messages in (await client.getmany(timeout_ms=500)).values():
                    found += messages
            return found

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AIOKafkaConsumer]:
        client = AIOKafkaConsumer(bootstrap_servers=self.stack.kafka.bootstrap_servers, enable_auto_commit=False)
        async with client:
            yield client

    async def _results(
        self, client: AIOKafkaConsumer, ground: Ground, result_topics: Sequence[str], wanted: int
    ) -> None:
        found, deadline = -1, 0.0
        while True:
            now = await self._ends(client, ground, result_topics)
            if now >= wanted:
                return
            if now != found:
                found, deadline = now, time.monotonic() + PATIENCE_SECONDS
            for process in ground.processes.values():
                process.raise_if_ended()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted - found} results are missing for {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    async def _ends(self, client: AIOKafkaConsumer, ground: Ground, result_topics: Sequence[str]) -> int:
        return sum((await client.end_offsets(await _partitions(client, ground, result_topics))).values())

    def _cpu(self, ground: Ground) -> dict[str, float]:
        parts = {"kafka": self.stack.kafka, "postgres": self.stack.postgres}
        used = {
            name: sum(processor_seconds(process.pid) for process in getattr(part, "processes", ()))
            for name, part in parts.items()
        }
        used |= {"store": processor_seconds(self.store.pid), "bench": time.process_time()}
        return used | {name: processor_seconds(process.pid) for name, process in ground.processes.items()}


@contextmanager
def opened(pictures: Sequence[workload.Picture]) -> Iterator[Rig]:
    """Start the parts; the store serves ``pictures``."""

    def tell(name: str, state: str, detail: str) -> None:
        if state == "ready":
            print(f"  {name:9} {detail}", file=sys.stderr)

    with Stack(on_step=tell) as stack, beside(stack, pictures) as rig:
        yield rig


@contextmanager
def beside(stack: Stack, pictures: Sequence[workload.Picture]) -> Iterator[Rig]:
    """The same on parts that run already."""
    with workload.unpacked(pictures) as folder:
        port = free_port()
        store = stack.spawn("store", [sys.executable, "-m", "benchmarks.store_server", str(port), str(folder)])
        try:
            store.wait_until(lambda: "ready" in store.log_tail(), timeout_seconds=30)
            yield Rig(stack, f"http://127.0.0.1:{port}", store, pictures)
        finally:
            store.stop()


async def _partitions(client: AIOKafkaConsumer, ground: Ground, result_topics: Sequence[str]) -> list[TopicPartition]:
    """A contender may create its topic when it starts; from when it is there, nobody is asked any more."""
    if any(not ground.partitions.get(topic) for topic in result_topics):
        metadata = await client._client.fetch_all_metadata()  # noqa: SLF001 - nothing public lists a topic's partitions
        for topic in result_topics:
            numbers = metadata.partitions_for_topic(ground.prefix + topic) or ()
            ground.partitions[topic] = [TopicPartition(ground.prefix + topic, number) for number in numbers]
    return [partition for topic in result_topics for partition in ground.partitions[topic]]
