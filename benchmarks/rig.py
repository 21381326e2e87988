"""The services that all contenders share (broker, database, a cheap store), and the measurement of their work."""

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

TIMEOUT_SECONDS: Final = 120.0
"""Without a new result for this long, a contender has failed."""

POLL_SECONDS: Final = 0.25
"""Long, since polling takes CPU time from the contender; a round takes half a minute."""

NUMBERS: Final = count(1)

_ROWS: Final = "SELECT (SELECT count(*) FROM classification_records) + (SELECT count(*) FROM image_rejections)"


@dataclass(frozen=True, slots=True)
class Work:
    """The cost of a run: wall-clock seconds, CPU seconds and peak memory by process name."""

    pictures: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_mib: Mapping[str, float]

    @property
    def pictures_per_second(self) -> float:
        """Throughput from the first message to the last result."""
        return self.pictures / self.seconds

    def cpu_ms(self, process: str) -> float:
        """CPU milliseconds per picture, including child processes."""
        return 1000 * self.cpu_seconds[process] / self.pictures


@dataclass(slots=True)
class Sandbox:
    """A contender's own topics, database and processes."""

    prefix: str
    environment: Mapping[str, str]
    partitions: dict[str, list[TopicPartition]] = field(default_factory=dict)
    processes: dict[str, ChildProcess] = field(default_factory=dict)


class Rig:
    """The shared services; create it with ``opened``."""

    def __init__(self, stack: Stack, store_url: str, store: ChildProcess, pictures: Sequence[workload.Picture]) -> None:
        self.stack = stack
        self.store_url = store_url
        self.pictures = pictures
        self.store = store
        self._sizes = {picture.name: len(picture.data) for picture in pictures}
        self._published = count()

    @asynccontextmanager
    async def sandbox(self, partitions: int = 8) -> AsyncIterator[Sandbox]:
        """New topics and a new database. Processes that are started in it end with it."""
        name = f"bench-{os.getpid()}-{next(NUMBERS)}"
        prefix, database = name + ".", name.replace("-", "_")
        server = self.stack.postgres
        server.create_database(database)
        config = DatabaseConfig(server.host, server.port, database, server.superuser, server.password, ssl=False)
        await asyncio.to_thread(migrate.up, config)
        servers = {"bootstrap_servers": self.stack.kafka.bootstrap_servers}
        await topic_admin.create(servers, prefix=prefix, partitions=partitions, replication_factor=1)
        sandbox = Sandbox(
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
            yield sandbox
        finally:
            for process in sandbox.processes.values():
                await asyncio.to_thread(process.stop, 20)

    def spawn(self, sandbox: Sandbox, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> ChildProcess:
        """Start one process of a contender."""
        process = self.stack.spawn(f"{sandbox.prefix}{name}", argv, {**sandbox.environment, **environment})
        sandbox.processes[name] = process
        return process

    async def work(self, sandbox: Sandbox, pictures: int, result_topics: Sequence[str]) -> Work:
        """Publish notifications of ``pictures`` new pictures at once, and wait for all results."""
        async with self._client() as client:
            before = await self._ends(client, sandbox, result_topics)
            cpu = self._cpu(sandbox)
            for process in sandbox.processes.values():
                forget_peak(process.pid)
            began = time.perf_counter()
            await self.publish(sandbox, pictures)
            await self._results(client, sandbox, result_topics, before + pictures)
            seconds = time.perf_counter() - began
        peaks = {name: peak_mib(process.pid) for name, process in sandbox.processes.items()}
        spent = {name: used - cpu[name] for name, used in self._cpu(sandbox).items()}
        return Work(pictures, seconds, spent, peaks)

    async def publish(
        self,
        sandbox: Sandbox,
        pictures: int,
        *,
        per_second: float | None = None,
        topic: str = topics.IMAGE_UPLOADS,
    ) -> list[tuple[str, str]]:
        """Publish notifications, at once or at a steady rate. Returns (key, picture's name) of each."""
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
                done.append(await producer.send(sandbox.prefix + topic, message, key=f"pictures/{key}".encode()))
                sent.append((key, name))
            await asyncio.gather(*done)
        return sent

    async def stored(self, sandbox: Sandbox, pictures: int) -> None:
        """Wait until the sandbox's database has ``pictures`` rows."""
        server = self.stack.postgres
        database = sandbox.environment["DATABASE_NAME"]
        connection = await asyncpg.connect(
            host=server.host, port=server.port, database=database, user=server.superuser, password=server.password
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while await connection.fetchval(_ROWS) < pictures:  # noqa: ASYNC110 - rows have no event
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            await connection.close()

    async def results(self, sandbox: Sandbox, result_topics: Sequence[str]) -> list[Any]:
        """All messages on the topics."""
        async with self._client() as client:
            partitions = await _partitions(client, sandbox, result_topics)
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
        self, client: AIOKafkaConsumer, sandbox: Sandbox, result_topics: Sequence[str], wanted: int
    ) -> None:
        found, deadline = -1, 0.0
        while True:
            now = await self._ends(client, sandbox, result_topics)
            if now >= wanted:
                return
            if now != found:
                found, deadline = now, time.monotonic() + TIMEOUT_SECONDS
            for process in sandbox.processes.values():
                process.raise_if_ended()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{wanted - found} results are missing for {TIMEOUT_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    async def _ends(self, client: AIOKafkaConsumer, sandbox: Sandbox, result_topics: Sequence[str]) -> int:
        return sum((await client.end_offsets(await _partitions(client, sandbox, result_topics))).values())

    def _cpu(self, sandbox: Sandbox) -> dict[str, float]:
        parts = {"kafka": self.stack.kafka, "postgres": self.stack.postgres}
        used = {
            name: sum(processor_seconds(process.pid) for process in getattr(part, "processes", ()))
            for name, part in parts.items()
        }
        used |= {"store": processor_seconds(self.store.pid), "bench": time.process_time()}
        return used | {name: processor_seconds(process.pid) for name, process in sandbox.processes.items()}


@contextmanager
def opened(pictures: Sequence[workload.Picture]) -> Iterator[Rig]:
    """Start the services; the store serves ``pictures``."""

    def print_step(name: str, state: str, detail: str) -> None:
        if state == "ready":
            print(f"  {name:9} {detail}", file=sys.stderr)

    with Stack(on_step=print_step) as stack, beside(stack, pictures) as rig:
        yield rig


@contextmanager
def beside(stack: Stack, pictures: Sequence[workload.Picture]) -> Iterator[Rig]:
    """As ``opened``, on a running stack."""
    with workload.unpacked(pictures) as folder:
        port = free_port()
        store = stack.spawn("store", [sys.executable, "-m", "benchmarks.store_server", str(port), str(folder)])
        try:
            store.wait_until(lambda: "ready" in store.log_tail(), timeout_seconds=30)
            yield Rig(stack, f"http://127.0.0.1:{port}", store, pictures)
        finally:
            store.stop()


async def _partitions(client: AIOKafkaConsumer, sandbox: Sandbox, result_topics: Sequence[str]) -> list[TopicPartition]:
    """The partitions of the topics. Cached once they exist, since a contender may create its topic at start."""
    if any(not sandbox.partitions.get(topic) for topic in result_topics):
        metadata = await client._client.fetch_all_metadata()  # noqa: SLF001 - nothing public lists a topic's partitions
        for topic in result_topics:
            numbers = metadata.partitions_for_topic(sandbox.prefix + topic) or ()
            sandbox.partitions[topic] = [TopicPartition(sandbox.prefix + topic, number) for number in numbers]
    return [partition for topic in result_topics for partition in sandbox.partitions[topic]]
