"""
Compares the sink's upsert with its limit: PostgreSQL's COPY into the same table with the same indexes.

    python -m benchmarks.sink_rows --json rows.json

Both run in turns in one growing table, so that a busy machine slows both: read the ratios. A ratio is upsert over COPY
in rows per second, of one round; the table shows the median and range of all rounds. Replayed rows are the new rows
sent a second time, of which nothing is written. COPY may cache its statement, the upsert may not (poolers share
sessions). fsync and full-page writes are off, since Aurora has neither.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import count, islice
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence.migrate import up
from persistence.pool import DatabaseConfig, open_pool
from persistence.records import ClassificationRecord
from persistence.seed import seeds
from persistence.store import Store

VERSIONS: Final = ("15", "18")
ROWS_OF_BATCH: Final = {1: 300, 50: 5_000, 500: 10_000, 5_000: 20_000}
TABLE: Final = "classification_records"
COLUMNS: Final = tuple(field.name for field in fields(ClassificationRecord))
VALUES: Final = attrgetter(*COLUMNS)
USERS: Final = 1_000
Batch = Sequence[ClassificationRecord]
Write = Callable[[Batch], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Round:
    """Rows per second of one round."""

    copy: float
    new: float
    replayed: float


@dataclass(frozen=True, slots=True)
class Result:
    """One server version at one batch size."""

    version: str
    batch: int
    rounds: tuple[Round, ...]

    def ratios(self, name: str) -> list[float]:
        """Of each round, in ascending order: upsert over COPY."""
        return sorted(getattr(each, name) / each.copy for each in self.rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    results = []
    for version in VERSIONS:
        try:
            with server(version) as config:
                results += asyncio.run(measure(config, version, arguments.rounds))
        except PartUnavailable as unavailable:
            print(unavailable, file=sys.stderr)
    Console(width=max(Console().width, 110)).print(table_of(results))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    return 0 if results else 1


@contextmanager
def server(version: str) -> Iterator[DatabaseConfig]:
    folder = Path(tempfile.mkdtemp(prefix="petstream-benchmark-"))  # PostgreSQL runs as another user, who may enter it
    made = None
    try:
        made = Postgres(folder, version=version)
        made.start()
        made.create_database("rows")
        config = DatabaseConfig(made.host, made.port, "rows", made.superuser, made.password, ssl=False)
        up(config)
        yield config
    finally:
        if made is not None:
            made.stop("immediate")
        shutil.rmtree(folder)


@asynccontextmanager
async def writers(config: DatabaseConfig) -> AsyncIterator[tuple[Write, Write, asyncpg.Connection]]:
    """COPY, the sink's upsert on a connection of its own, and the connection that copies."""
    connection = await asyncpg.connect(
        host=config.host,
        port=config.port,
        database=config.database,
        user=config.username,
        password=str(config.password),
    )
    try:
        async with await open_pool(config) as pool:

            async def copy(batch: Batch) -> None:
                await connection.copy_records_to_table(TABLE, records=map(VALUES, batch), columns=COLUMNS)

            yield copy, Store(pool).upsert, connection
    finally:
        await connection.close()


async def measure(config: DatabaseConfig, version: str, rounds: int) -> list[Result]:
    numbers = count()
    found: dict[int, list[Round]] = {batch: [] for batch in ROWS_OF_BATCH}
    async with writers(config) as (copy, upsert, _):
        for _ in track(range(rounds + 1), f"PostgreSQL {version}", console=Console(stderr=True), transient=True):
            for size, rounds_of_size in found.items():
                rounds_of_size.append(await measure_round(copy, upsert, size, next(numbers)))
    # The first round fills caches and opens connections.
    return [Result(version, batch, tuple(each[1:])) for batch, each in found.items()]


async def measure_round(copy: Write, upsert: Write, size: int, number: int) -> Round:
    copied, stored = (batches(ROWS_OF_BATCH[size], size, seed) for seed in (2 * number, 2 * number + 1))
    if number % 2:  # the order alternates
        copies, new = await timed(copy, copied), await timed(upsert, stored)
    else:
        new, copies = await timed(upsert, stored), await timed(copy, copied)
    return Round(copies, new, replayed=await timed(upsert, stored))


async def timed(write: Write, batches: Sequence[Batch]) -> float:
    started = time.perf_counter()
    for batch in batches:
        await write(batch)
    return sum(map(len, batches)) / (time.perf_counter() - started)


def batches(rows: int, size: int, seed: int) -> list[Batch]:
    """Classifications that no other seed gives."""
    found = (record for record in seeds(2 * rows, seed, USERS) if isinstance(record, ClassificationRecord))
    chosen = list(islice(found, rows))
    return [chosen[start : start + size] for start in range(0, rows, size)]


def table_of(results: Sequence[Result]) -> Table:
    table = Table("PostgreSQL", "batch", "COPY rows/s", "new rows/s", "over COPY", "replayed rows/s", "over COPY")
    for result in results:
        cells = [result.version, f"{result.batch:,}", f"{median(each.copy for each in result.rounds):,.0f}"]
        for name in ("new", "replayed"):
            ratios = result.ratios(name)
            cells += [
                f"{median(getattr(each, name) for each in result.rounds):,.0f}",
                f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})",
            ]
        table.add_row(*cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
