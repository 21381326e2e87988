"""Measures how cost grows with the number of classifiers, the backlog, the table and the pictures' size."""

import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from PIL import Image

from benchmarks import workload
from benchmarks.compare import PrintLine, measure
from benchmarks.contenders import Petstream
from benchmarks.rig import Rig
from benchmarks.sink_rows import ROWS_OF_BATCH, TABLE, batches, measure_round, writers
from persistence.pool import DatabaseConfig
from tests import tiny_model
from tests.photographs import CHELSEA

CLASSIFIERS: Final = (1, 2, 4)
BACKLOGS: Final = (1_000, 10_000, 100_000)
TABLE_ROWS: Final = (0, 10_000, 100_000, 1_000_000, 5_000_000)
SIDES: Final = ((160, 120), (640, 480), (1600, 1200), (4000, 3000), (8000, 6000))
FILL_ROWS: Final = 20_000
BATCH_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement at size ``at``; ``ms`` is CPU time per picture, or wall-clock time per row."""

    at: float
    per_second: float
    ms: float
    peak_mib: float = 0.0


async def with_classifiers(
    rig: Rig, model: Path, *, pictures: int, numbers: Iterable[int], print_line: PrintLine
) -> list[Point]:
    """Classifiers on one machine, each with a thread per CPU."""
    points = []
    for number in numbers:
        contender = replace(Petstream(model), classifiers=number)
        work = await measure(rig, contender, count=pictures, warm_up=40 * number)
        names = [name for name in work.cpu_seconds if name.startswith("classify")]
        cpu = sum(work.cpu_ms(name) for name in names)
        points.append(Point(number, work.pictures_per_second, cpu, max(work.peak_mib[name] for name in names)))
        print_line(f"{number} classifiers: {points[-1].per_second:.1f}/s, {cpu:.1f} ms of processor a picture")
    return points


async def with_backlog(rig: Rig, *, numbers: Iterable[int], print_line: PrintLine) -> list[Point]:
    """
    So many messages at once. Thumbnails and a model of nothing, so that what is left is the cost of a message.
    """
    points = []
    with tempfile.TemporaryDirectory() as folder:
        model = small_model(Path(folder) / "small.pt")
        for number in numbers:
            contender = Petstream(model, settings={"ENGINE": "torchscript", "ENGINE_THREADS": "1"})
            work = await measure(rig, contender, count=number, warm_up=300)
            cpu = work.cpu_ms("classify-1")
            points.append(Point(number, work.pictures_per_second, cpu, work.peak_mib["classify-1"]))
            print_line(
                f"backlog of {number:,}: {points[-1].per_second:.0f}/s, {cpu:.2f} ms, {points[-1].peak_mib:.0f} MiB"
            )
    return points


async def with_size(rig: Rig, model: Path, *, pictures: int, print_line: PrintLine) -> list[Point]:
    """Photographs of one size each: ``at`` is their megapixels."""
    points = []
    for picture in rig.pictures:
        only = Rig(rig.stack, rig.store_url, rig.store, [picture])
        work = await measure(only, Petstream(model), count=pictures, warm_up=20)
        width, height = Image.open(io.BytesIO(picture.data)).size
        at, cpu = width * height / 1e6, work.cpu_ms("classify-1")
        points.append(Point(at, work.pictures_per_second, cpu, work.peak_mib["classify-1"]))
        print_line(f"{at:.2f} megapixels: {points[-1].per_second:.1f}/s, {cpu:.1f} ms, {points[-1].peak_mib:.0f} MiB")
    return points


async def with_table(
    config: DatabaseConfig, *, numbers: Iterable[int], rounds: int, print_line: PrintLine
) -> list[Point]:
    """Rows in the table already; what is measured is the sink's upsert of new rows in batches of 500."""
    points = []
    seed, rows = 1_000_000, 0
    async with writers(config) as (copy, upsert, connection):
        for number in numbers:
            while rows < number:
                (batch,) = batches(min(FILL_ROWS, number - rows), FILL_ROWS, seed := seed + 1)
                await copy(batch)
                rows += len(batch)
            await connection.execute(f"VACUUM ANALYZE {TABLE}")
            rates = []
            for _ in range(rounds):
                rates.append((await measure_round(copy, upsert, BATCH_ROWS, seed := seed + 1)).new)
                rows += 2 * ROWS_OF_BATCH[BATCH_ROWS]  # copied and upserted
            points.append(Point(number, median(rates), 1000 / median(rates)))
            print_line(f"table of {number:,} rows: {points[-1].per_second:,.0f} rows/s")
    return points


def small_model(path: Path) -> Path:
    """A TorchScript file that costs nothing: every picture gets a label, by its mean colour."""
    return tiny_model.write(path, classes={"red": "cat", "green": "dog", "blue": "dog"}, thresholds={"accept": 0.0})


def of_sizes(sides: Iterable[tuple[int, int]] = SIDES) -> list[workload.Picture]:
    """One photograph in several sizes, JPEG of quality 88 as phones write them; freely licensed (CC0)."""
    cat = Image.open(CHELSEA)
    made = []
    for width, height in sides:
        buffer = io.BytesIO()
        cat.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=88)
        made.append(workload.Picture(f"cat-{width}x{height}.jpg", buffer.getvalue()))
    return made
