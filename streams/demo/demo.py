"""Starts the stack and the pipeline, uploads the pictures, follows each one, and prints the totals."""

import asyncio
import logging
import os
import shlex
import signal
import sys
import time
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import boto3
from aiokafka.admin import AIOKafkaAdminClient
from botocore.config import Config
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from deploy.local.errors import LocalPartError
from deploy.local.pipeline import Pipeline, Worker
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from persistence import migrate
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.schema import missing_time_outs
from streams.classify.model_artifact import default_model
from streams.demo.availability import AWAY, TIMEOUT_SECONDS, watch, while_away, within
from streams.demo.journey import (
    Journey,
    Totals,
    accuracy_lines,
    latency_lines,
    outcomes_line,
    pictures_per_second,
    waiting_line,
)
from streams.demo.outcomes import Journeys, find_all, find_waiting, follow_results, follow_rows
from streams.demo.page_news import PageNews, read_headline
from streams.demo.pictures import Folder, NoPicturesError, Pictures, included
from streams.demo.ports import PAGE, choose_ports
from streams.demo.preparation import check_settings, named_services, named_settings, page_port, try_services
from streams.demo.settings_file import write_settings
from streams.demo.supervisor import Supervised, keep_running
from streams.demo.uploader import upload
from streams.kafka import admin as topic_admin
from streams.kafka.security import client_options
from streams.kafka.stopping import opened
from streams.retry.waiting import Waiting
from streams.runtime.database_config import database_config
from streams.runtime.error_text import error_text
from streams.runtime.errors import MISUSED, MendableError
from streams.runtime.printable import printable
from streams.runtime.settings import DatabaseSettings, TopicSettings, load
from streams.runtime.utc import utc_text

PARTITIONS: Final = 4
RETRY_DELAYS: Final = os.environ.get("RETRY_DELAYS", "2,5,15")
"""Seconds. The delays of production are too long for a demo."""
RECONCILE_EVERY: Final = "15s"
RECONCILE_GRACE_SECONDS: Final = "30"
"""Longer than a picture of the demo takes. Parked ones take longer, but are known to wait."""
STALLED_SECONDS: Final = 120.0
"""Without progress for this long, the demo stops and lists what is missing."""

QUIET_SECONDS: Final = 10.0
"""Without progress for this long, the demo prints what it waits for."""

TOTALS_SECONDS: Final = 15.0
"""Timeout of Kafka and of PostgreSQL for the totals."""
ENDING_SECONDS: Final = 2.0

PSQL: Final = (
    "PGPASSWORD=$DATABASE_PASSWORD psql -h $DATABASE_HOST -p $DATABASE_PORT -U $DATABASE_USERNAME $DATABASE_NAME"
)
"""Works once the settings are sourced."""

CLOCK_SLACK: Final = timedelta(seconds=5)


def run(images: Path | None, *, once: bool, console: Console) -> int:
    """
    Run the demo.

    Returns:
        0 if every picture has its outcome, 1 if not, 2 if it could not start, 130 after Ctrl-C.
    """
    # A shell starts background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # SIGTERM is handled as Ctrl-C: everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # availability.py reports it in one line, not twice a second
    try:
        pictures: Pictures = Folder(images.expanduser()) if images else included()
        check_settings({"retry_delays": RETRY_DELAYS, "kafka_partitions": PARTITIONS, "kafka_replication_factor": 1})
        if not asyncio.run(_services_answer(console)):
            return MISUSED
        console.print(_marked("Starting the services", "bold", "(on loopback; they stop with the demo)"))
        model = os.environ.get("MODEL_URI") or str(default_model(lambda line: _report(console, "model", "", line)))
        report = partial(_report, console)
        ports = choose_ports(named_services(), report)
        with Stack(on_step=report, ports=ports) as stack:
            return asyncio.run(_Demo(stack, model, ports, console).run(pictures, once=once))
    except (NoPicturesError, LocalPartError, MendableError) as error:
        for line in str(error).splitlines():
            console.print(_marked(line, "red"), soft_wrap=True)
        return MISUSED
    except KeyboardInterrupt:
        console.print("Stopped. Nothing keeps running.")
        return 130


async def _services_answer(console: Console) -> bool:
    """Whether the services that the environment names can be used. Prints what is wrong at once."""
    failures = await try_services()
    for line in failures:
        console.print(_marked(line, "red"), soft_wrap=True)
    return not failures


class _Demo:
    def __init__(self, stack: Stack, model: str, ports: Mapping[str, int], console: Console) -> None:
        self._stack = stack
        self._ports = ports
        self._environment = stack.environment() | {"RETRY_DELAYS": RETRY_DELAYS}
        self._model = model
        self._console = console
        self._workers: list[Worker] = []
        self._board = ""
        self._away: set[str] = set()
        self._journeys: Journeys = {}
        self._progressed_at = time.monotonic()
        self._since = datetime.now(UTC)

    async def run(self, pictures: Pictures, *, once: bool) -> int:
        os.environ.update(self._environment)  # this process is a client of the stack as well
        settings = load(TopicSettings, kafka_partitions=PARTITIONS, kafka_replication_factor=1)
        database = database_config(load(DatabaseSettings))
        await self._start(settings, database)
        self._since = since = datetime.now(UTC) - CLOCK_SLACK
        self._print_board(once=once)
        if once:
            self._print_places()
        async with _pool(database) as pool:
            with _progress(self._console) as progress:
                bar = progress.add_task("pictures", total=len(pictures))

                def arrived(journey: Journey) -> None:
                    self._progressed_at = time.monotonic()
                    progress.advance(bar)
                    self._console.print(_line(journey), soft_wrap=True)

                async with _running(
                    while_away(lambda: follow_results(settings, self._journeys, since, arrived)),
                    while_away(lambda: follow_rows(pool, self._journeys, since, arrived)),
                    keep_running(self._supervised(settings), self._report),
                    *(watch(name, ask, self._report) for name, ask in self._probes(settings, pool).items()),
                ) as following:
                    await self._send(pictures, following)
                    progress.stop()
                    verdict = await self._summary(pool)
                    if not once:
                        self._print_places()
                        self._console.print(
                            f"\nThe pipeline keeps running. Drop pictures onto {self._board}, or upload below uploads/."
                            " Ctrl-C stops it."
                        )
                        try:
                            await self._stay(following)
                        except asyncio.CancelledError:  # Ctrl-C
                            await self._print_totals(pool)
                            raise
        return verdict

    def _supervised(self, settings: TopicSettings) -> list[Supervised]:
        """What is restarted when it ends: the services that the demo started, and petstream's processes."""
        loses = {"objects": "its queued notifications are lost"}  # not the objects (deploy/local/object_store)
        if not self._stack.kafka.durable:
            loses["kafka"] = "this broker keeps no log: its uploads and results are lost"

        def part(name: str) -> Supervised:
            async def start() -> None:
                await asyncio.to_thread(self._stack.start_again, name)
                if name == "kafka":
                    await _create_topics(settings)  # a broker without a log has lost them

            return Supervised(name, lambda: self._stack.parts[name].processes, start, loses.get(name, ""))

        def worker(each: Worker) -> Supervised:
            async def start() -> None:
                await asyncio.to_thread(each.process.start)

            return Supervised(each.role, lambda: (each.process,), start)

        return [*(part(name) for name in self._stack.parts), *(worker(each) for each in self._workers)]

    def _probes(self, settings: TopicSettings, pool: Pool) -> dict[str, Callable[[], Awaitable[Any]]]:
        """One request per service that fails while the service does not answer."""

        async def kafka() -> None:
            async with opened(AIOKafkaAdminClient(**client_options(settings))):
                pass

        # Short timeouts, since the end of the demo waits for the probe's thread.
        config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1}, proxies={})
        store = boto3.client("s3", endpoint_url=self._environment.get("S3_ENDPOINT_URL"), config=config)
        return {
            "kafka": kafka,
            "postgres": lambda: find_all(pool, [UUID(int=0)]),
            "objects": lambda: asyncio.to_thread(store.head_bucket, Bucket=self._environment["S3_BUCKET"]),
        }

    def _report(self, name: str, state: str, detail: str) -> None:
        if state == "away":
            self._away.add(name)
        elif state == "back":
            self._away.discard(name)
        _report(self._console, name, state, detail)

    async def _start(self, settings: TopicSettings, database: DatabaseConfig) -> None:
        await _create_topics(settings)
        await asyncio.to_thread(migrate.up, database)
        if isinstance(self._stack.postgres, Postgres):  # the roles of another server are not the demo's
            async with _pool(database) as pool:
                for statement in await missing_time_outs(pool):
                    await pool.execute(statement)
        pipeline = Pipeline(
            self._stack, {"MODEL_URI": self._model, "SQS_WAIT_SECONDS": "2", "RETRY_DELAYS": RETRY_DELAYS}
        )
        began = time.monotonic()
        ports, page_port_used = self._ports, page_port() or self._ports[PAGE]
        self._board = f"http://{LOOPBACK}:{page_port_used}/"
        page = {"BOARD_PORT": str(page_port_used), "BOARD_UPLOADS": "true"}
        self._workers = [
            pipeline.start("board", page, port=ports["board"]),
            pipeline.start("bridge", port=ports["bridge"]),
            pipeline.start("classify", port=ports["classify"]),
            pipeline.start("sink", port=ports["sink"]),
            pipeline.start("reconcile", arguments=self._reconcile_arguments(), port=ports["reconcile"]),
        ]
        for worker in self._workers:
            await asyncio.to_thread(worker.wait_ready)
            _report(self._console, worker.role, "ready", f"in {time.monotonic() - began:.1f} s")

    def _reconcile_arguments(self) -> list[str]:
        """Only uploads from now on: an existing bucket may hold anything."""
        place, since = f"s3://{self._environment['S3_BUCKET']}/uploads/", datetime.now(UTC) - CLOCK_SLACK
        return [
            *(place, "--every", RECONCILE_EVERY, "--grace", RECONCILE_GRACE_SECONDS),
            *("--since", since.isoformat(timespec="seconds")),
        ]

    async def _send(self, pictures: Pictures, following: list[asyncio.Task[None]]) -> None:
        """Upload all pictures and wait until each has arrived, or nothing has arrived for STALLED_SECONDS."""
        bucket = self._environment["S3_BUCKET"]
        self._console.print()
        pictures_uploaded = f"Uploading {_count(len(pictures), 'picture')}"
        self._console.print(_marked(pictures_uploaded, "bold", f"to s3://{bucket}/uploads/"))
        uploading = asyncio.create_task(upload(self._stack.objects.s3, bucket, pictures, self._journeys))
        self._progressed_at = time.monotonic()
        reported_at = 0.0
        while not (uploading.done() and all(journey.arrived for journey in self._journeys.values())):
            await self._look(following)
            quiet_seconds = time.monotonic() - self._progressed_at
            if quiet_seconds > STALLED_SECONDS:
                break
            if quiet_seconds > QUIET_SECONDS and reported_at != self._progressed_at:
                reported_at = self._progressed_at
                await self._report_waiting(len(pictures), time.time() - quiet_seconds)
        if uploading.done():
            uploading.result()
        uploading.cancel()
        await asyncio.wait({uploading})

    async def _report_waiting(self, pictures: int, since: float) -> None:
        """Print one line: what the demo waits for, and since when."""
        parked = await _parked()
        reasons = None if parked is None else {id_: each.attempt.reason for id_, each in parked.items()}
        journeys = list(self._journeys.values())
        line = waiting_line(journeys, reasons, max(0, pictures - len(journeys)), since)
        self._console.print(_marked("  waiting", "yellow", line), soft_wrap=True)

    async def _stay(self, following: list[asyncio.Task[None]]) -> None:
        """Keep the demo running. Prints when work waits, and each upload once it has been parked for QUIET_SECONDS."""
        printed, news = set(self._journeys), PageNews()
        looked_at = time.monotonic()
        while True:
            await self._look(following)
            if time.monotonic() - looked_at < QUIET_SECONDS:
                continue
            for id_, each in (await _parked() or {}).items():
                since = each.attempt.first_failed_at
                if id_ not in printed and datetime.now(UTC) - since > timedelta(seconds=QUIET_SECONDS):
                    printed.add(id_)
                    why = f"since {utc_text(since)}, {each.attempt.reason}: {each.attempt.detail}"
                    self._console.print(_marked("  waiting", "yellow", f"{each.image_url} {why}"), soft_wrap=True)
            headline = await asyncio.to_thread(read_headline, self._board)
            if headline and (found := news.look(headline, is_away=bool(self._away))):
                self._report("page", *found)
            looked_at = time.monotonic()

    async def _look(self, following: list[asyncio.Task[None]]) -> None:
        """Sleep briefly. Raises the error of a follower that ended."""
        await asyncio.sleep(0.05)
        for task in following:
            if task.done():
                task.result()

    async def _summary(self, pool: Pool) -> int:
        """Print the summary; its last line has the totals. Returns the exit status: 0 if they hold."""
        journeys = list(self._journeys.values())
        write = self._console.print
        write()
        for line in (outcomes_line(journeys), *accuracy_lines(journeys), *latency_lines(journeys)):
            write(printable(line), soft_wrap=True)
        write(f"throughput       {pictures_per_second(journeys):.1f} pictures/s, from the first upload to the last row")
        return await self._print_totals(pool)

    async def _print_totals(self, pool: Pool) -> int:
        """
        Print what has no outcome, and the totals of all uploads that the demo has seen.

        Uploads of others count once they have an outcome or are parked. Returns the exit status: 0 if the totals hold.
        """
        write = self._console.print
        try:
            found = await within(TOTALS_SECONDS, find_waiting())
            waits = {each.id: each for each in found if each.id and each.attempt.first_failed_at >= self._since}
            keys = {journey.id: journey.key for journey in self._journeys.values()}
            keys |= {id_: str(each.image_url) for id_, each in waits.items() if id_ not in keys}
            rows = await within(TOTALS_SECONDS, find_all(pool, list(keys)))
        except AWAY as error:
            write(
                _marked("no account", "red", f"Kafka or PostgreSQL does not answer: {error_text(error)}"),
                soft_wrap=True,
            )
            arrived = sum(journey.arrived for journey in self._journeys.values())
            write(f"objects {len(self._journeys)}, of which {arrived} arrived  THE ACCOUNT CANNOT BE MADE")
            return 1
        stored = {row.id for row in rows}
        for id_ in (id_ for id_ in keys if id_ not in stored):
            if (parked := waits.get(id_)) is not None:
                why = f"{parked.attempt.reason}: {parked.attempt.detail}"
                write(_marked("waiting", "yellow", f"{keys[id_]}  {why}"), soft_wrap=True)
            else:
                write(_marked("no outcome", "red", keys[id_]))
        rejected = sum(row.outcome == "rejected" for row in rows)
        totals = Totals(
            objects=len(keys),
            classified=len(rows) - rejected,
            rejected=rejected,
            waiting=len(waits.keys() - stored),
        )
        write(totals.line)
        return 0 if totals.holds else 1

    def _print_board(self, *, once: bool) -> None:
        """Print the board's URL, and open it in a browser if there is a screen and the demo stays."""
        invitation = "" if once else "  (drop pictures onto it)"
        self._console.print()
        self._console.print(_marked("The board", "bold", f"{self._board}{invitation}"))
        has_screen = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        if self._console.is_terminal and has_screen and not once:
            webbrowser.open(self._board)

    def _print_places(self) -> None:
        write = partial(self._console.print, soft_wrap=True)
        env = {**named_settings(), **self._environment, "MODEL_URI": self._model}
        file = self._stack.directory / "settings.sh"
        write_settings(file, env)
        pids = {
            name: f"  pid {part.processes[0].pid}" if part.processes else "" for name, part in self._stack.parts.items()
        }
        write()
        write(_marked("Where to look", "bold"))
        write(f"  page      {self._board}")
        for worker in self._workers:
            write(f"  {worker.role:9} {worker.url}/health  {worker.url}/metrics  pid {worker.process.pid}")
        write(f"  kafka     {env['KAFKA_BOOTSTRAP_SERVERS']}  ({self._stack.kafka.kind}){pids['kafka']}")
        write(f"  postgres  {env['DATABASE_HOST']}:{env['DATABASE_PORT']}{pids['postgres']}")
        write(f"  objects   {env['S3_ENDPOINT_URL']}/{env['S3_BUCKET']}{pids['objects']}")
        write(f"  logs      {self._stack.directory / 'processes'}")
        write(f"  settings  source {shlex.quote(str(file))}")
        write(f"            {printable(', '.join(env))}")
        write(f"  rows      {PSQL}")


async def _parked() -> dict[UUID, Waiting] | None:
    """The parked uploads by id; None if Kafka does not answer."""
    try:
        return {each.id: each for each in await within(TIMEOUT_SECONDS, find_waiting()) if each.id is not None}
    except AWAY:
        return None


@asynccontextmanager
async def _running(*followers: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(follower) for follower in followers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=ENDING_SECONDS)  # a client of a hanging service ends with the service


@asynccontextmanager
async def _pool(database: DatabaseConfig) -> AsyncIterator[Pool]:
    """A pool that is terminated at the end: close() would wait for a server that may hang."""
    pool = await open_pool(database)
    try:
        yield pool
    finally:
        pool.terminate()


async def _create_topics(settings: TopicSettings) -> None:
    await topic_admin.create(
        client_options(settings),
        prefix=settings.kafka_topic_prefix,
        partitions=settings.kafka_partitions,
        replication_factor=settings.kafka_replication_factor,
    )


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _report(console: Console, name: str, state: str, detail: str) -> None:
    if state != "stopped":
        console.print(f"  {name:9} {state:8} {printable(detail.partition(chr(10))[0])}", soft_wrap=True)


def _marked(word: str, style: str, rest: str = "") -> Text:
    """A line that begins with a word in a style."""
    return Text.assemble((printable(word), style), printable(f" {rest}" if rest else ""))


def _line(journey: Journey) -> Text:
    """One picture's outcome, its times to event and to row, and its key."""
    assert journey.result is not None
    assert journey.stored is not None
    colour = "green" if journey.outcome in ("cat", "dog") else "yellow"
    outcome = f"{journey.outcome} {journey.confidence:.3f}" if journey.confidence is not None else str(journey.outcome)
    times = f"result {journey.result - journey.uploaded:6.2f} s   row {journey.stored - journey.uploaded:6.2f} s"
    return Text.assemble("  ", (f"{outcome:20}", colour), f" {times}   {printable(journey.key)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
