"""
The whole path with several classifiers that share one GPU: from notifications in Kafka to results there, and to rows.

    python -m benchmarks.gpu_pipeline --pictures ../shared/data/dev --workers 1,4,8 --json pipeline.json

The processors are divided among the classifiers for decoding; the engine is the GPU's. ``--engine`` tries the script
out where there is none.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks import machine, workload
from benchmarks.contenders import Petstream
from benchmarks.rig import Rig, opened
from inference import cpus
from streams.classify.model_artifact import exported

WORKERS: Final = (1, 2, 4, 8)
BATCH: Final = 64
WARM_UP: Final = 200  # pictures for each classifier
PARTITIONS_EACH: Final = 2


@dataclass(frozen=True, slots=True)
class Shared:
    """
    So many classifiers on one GPU. Pictures a second from the first notification to the last result, and to the last
    row. Milliseconds are of processors, a picture; memory is the largest worker's.
    """

    workers: int
    pictures: int
    pictures_per_second: float
    stored_per_second: float
    cpu_ms: Mapping[str, float]
    peak_mib: float


def settings(workers: int, engine: str, more: Sequence[str] = ()) -> dict[str, str]:
    """Of each classifier, where ``workers`` of them share the machine; ``more`` as NAME=VALUE."""
    shared = {
        "ENGINE": engine,
        "ENGINE_THREADS": "1",
        "DECODE_WORKERS": str(max(1, cpus.available() // workers)),
        "BATCH_MAX_SIZE": str(BATCH),
        "IN_FLIGHT_MAX_IMAGES": str(4 * BATCH),
    }
    return shared | dict(each.split("=", 1) for each in more)


async def measure(
    rig: Rig, model: Path, *, workers: int, sinks: int, given: Mapping[str, str], pictures: int
) -> Shared:
    """Start them, give each its share of warm-up, then all the pictures at once."""
    contender = Petstream(model, classifiers=workers, sinks=sinks, settings=given)
    warm_up = min(WARM_UP, pictures) * workers
    async with rig.sandbox(partitions=PARTITIONS_EACH * workers) as sandbox:
        await contender.start(rig, sandbox)
        await rig.work(sandbox, warm_up, contender.result_topics)
        await rig.stored(sandbox, warm_up)
        began = time.perf_counter()
        work = await rig.work(sandbox, pictures, contender.result_topics)
        await rig.stored(sandbox, warm_up + pictures)
        stored = pictures / (time.perf_counter() - began)
    cpu: defaultdict[str, float] = defaultdict(float)
    for name in work.cpu_seconds:
        cpu[name.partition("-")[0]] += work.cpu_ms(name)
    peak = max(mib for name, mib in work.peak_mib.items() if name.startswith("classify"))
    return Shared(workers, pictures, work.pictures_per_second, stored, dict(cpu), peak)


async def measured(given: argparse.Namespace, document: dict[str, Any]) -> list[Shared]:
    """Every number of workers; what was measured before a failure is in the document."""
    found = []
    with opened(workload.pictures(given.pictures, given.limit)) as rig:
        for workers in map(int, given.workers.split(",")):
            count = given.messages * workers
            chosen = settings(workers, given.engine, given.set)
            found.append(
                await measure(rig, given.model, workers=workers, sinks=given.sinks, given=chosen, pictures=count)
            )
            document["shared"] = [asdict(each) for each in found]
            rates = f"{found[-1].pictures_per_second:.0f}/s, stored {found[-1].stored_per_second:.0f}/s"
            print(f"{workers} classifiers: {rates}", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a TorchScript file; default: the one that `model export` builds")
    parser.add_argument("--pictures", type=Path, help="a folder; default: ../shared/data/dev, else the demo's pictures")
    parser.add_argument("--limit", type=int, help="that many of them at most")
    parser.add_argument("--workers", default=",".join(map(str, WORKERS)), help="comma separated")
    parser.add_argument("--messages", type=int, default=3000, help="for each classifier")
    parser.add_argument("--sinks", type=int, default=2, help="one stores about 2,000 a second")
    parser.add_argument("--engine", default="cuda", help="torchscript or openvino tries the script out")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the classifiers")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    given.model = given.model or exported(None, None, lambda line: print(line, file=sys.stderr), arithmetic="float32")
    document: dict[str, Any] = {"machine": machine.described()}
    try:
        show(asyncio.run(measured(given, document)))
    finally:
        if given.json:
            given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def show(found: Sequence[Shared]) -> None:
    """One row for each number of classifiers."""
    table = Table(box=None, pad_edge=False)
    for name in ("classifiers", "pictures/s", "stored/s", *(f"{name}, ms" for name in found[0].cpu_ms), "MiB of one"):
        table.add_column(name, justify="right")
    for each in found:
        rates = (f"{each.pictures_per_second:.0f}", f"{each.stored_per_second:.0f}")
        times = (f"{each.cpu_ms[name]:.2f}" for name in found[0].cpu_ms)
        table.add_row(str(each.workers), *rates, *times, f"{each.peak_mib:.0f}")
    Console(width=120).print(table, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
