"""Runs petstream, its peers and the bare loop in turns, on the same pictures, in several rounds."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from benchmarks import workload
from benchmarks.contenders import Contender, PeerContender
from benchmarks.rig import Rig, Work

ENGINES: Final = ("openvino", "torchscript")
LIMIT_BATCHES: Final = (1, 8)
PrintLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limit:
    """The figures of a bare loop; see ``limit``."""

    engine: str
    workers: int
    threads: int
    batch: int
    pictures: int
    pictures_per_second: float
    cpu_ms_per_picture: float
    peak_mib: float


def bare_loop(model: Path, folder: Path, *, engine: str, workers: int, batch: int, pictures: int) -> Limit:
    """Run a bare loop once, in a subprocess."""
    command = [sys.executable, "-m", "benchmarks.limit", str(model), str(folder), "--engine", engine]
    command += ["--workers", str(workers), "--batch", str(batch), "--pictures", str(pictures)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return Limit(**json.loads(done.stdout.splitlines()[-1]))


def limits(
    model: Path, pictures: Sequence[workload.Picture], processors: int, count: int, print_line: PrintLine
) -> list[Limit]:
    """
    The bare loop with every engine, number of workers and batch size.

    Each setting runs twice, in opposite orders, and its faster run counts, since a slow minute can favour the wrong
    one.
    """
    settings = list(product(ENGINES, sorted({1, processors}), LIMIT_BATCHES))
    found: dict[tuple[str, int, int], Limit] = {}
    with workload.unpacked(pictures) as folder:
        for setting in [*settings, *reversed(settings)]:
            engine, workers, batch = setting
            tried = bare_loop(model, folder, engine=engine, workers=workers, batch=batch, pictures=count)
            print_line(f"limit {engine} {workers} workers, batches of {batch}: {tried.pictures_per_second:.1f}/s")
            found[setting] = best([tried, found.get(setting, tried)])
    return [found[setting] for setting in settings]


async def rounds(
    rig: Rig,
    model: Path,
    contenders: Sequence[Contender],
    limit: Limit,
    *,
    count: int,
    rounds: int,
    warm_up: int,
    print_line: PrintLine,
) -> list[dict[str, Any]]:
    """
    Each round runs the limit and every contender, each freshly started, warmed up, and given ``count`` pictures at
    once.

    Returns:
        Per round: each contender's figures, with those of the limit beside it, by name.
    """
    found = []
    with workload.unpacked(rig.pictures) as folder:
        for number in range(rounds):
            one: dict[str, Any] = {}
            # The order alternates, so that no contender always comes first.
            for contender in contenders if number % 2 == 0 else reversed(contenders):
                again = bare_loop(
                    model, folder, engine=limit.engine, workers=limit.workers, batch=limit.batch, pictures=count
                )
                work = await measure(rig, contender, count=count, warm_up=warm_up)
                one[contender.name] = figures(work) | {"limit": asdict(again)}
                print_line(
                    f"round {number + 1}: {contender.name} {work.pictures_per_second:.1f}/s, "
                    f"limit {again.pictures_per_second:.1f}/s"
                )
            found.append(one)
    return found


async def fastest(rig: Rig, settings: Sequence[PeerContender], *, count: int, print_line: PrintLine) -> PeerContender:
    """Try all settings of a peer, and return the fastest."""
    rates = {}
    for contender in settings:
        work = await measure(rig, contender, count=count, warm_up=40)
        rates[str(contender.setting)] = work.pictures_per_second
        print_line(f"{contender.name}, {contender.setting}: {work.pictures_per_second:.1f}/s")
    return max(settings, key=lambda each: rates[str(each.setting)])


async def measure(rig: Rig, contender: Contender, *, count: int, warm_up: int) -> Work:
    """Start a contender in its own sandbox, warm it up, and run the pictures."""
    async with rig.sandbox() as sandbox:
        await contender.start(rig, sandbox)
        await rig.work(sandbox, warm_up, contender.result_topics)
        return await rig.work(sandbox, count, contender.result_topics)


def figures(work: Work) -> dict[str, Any]:
    """A measurement as a JSON object."""
    cpu: Mapping[str, float] = {name: work.cpu_ms(name) for name in work.cpu_seconds}
    return {
        "pictures": work.pictures,
        "pictures_per_second": work.pictures_per_second,
        "cpu_ms_per_picture": cpu,
        "peak_mib": dict(work.peak_mib),
    }


def best(limits: Sequence[Limit], engine: str | None = None) -> Limit:
    """The limit with the highest rate, of one engine or of all."""
    return max((each for each in limits if engine in (None, each.engine)), key=lambda each: each.pictures_per_second)
