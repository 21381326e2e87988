"""petstream beside the limit and beside its peers: the same pictures, in turns, round after round."""

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
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a bare loop reaches; see ``limit``."""

    engine: str
    workers: int
    threads: int
    batch: int
    pictures: int
    pictures_per_second: float
    cpu_ms_per_picture: float
    peak_mib: float


def bare_loop(model: Path, folder: Path, *, engine: str, workers: int, batch: int, pictures: int) -> Limit:
    """Run it once, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.limit", str(model), str(folder), "--engine", engine]
    command += ["--workers", str(workers), "--batch", str(batch), "--pictures", str(pictures)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return Limit(**json.loads(done.stdout.splitlines()[-1]))


def limits(model: Path, pictures: Sequence[workload.Picture], processors: int, count: int, say: Say) -> list[Limit]:
    """
    Every engine, with one worker a processor and at each batch size; which is best shows by itself.

    Each is tried twice, to and fro, and its faster trial stands: a slow minute has chosen the wrong one before.
    """
    settings = list(product(ENGINES, sorted({1, processors}), LIMIT_BATCHES))
    found: dict[tuple[str, int, int], Limit] = {}
    with workload.unpacked(pictures) as folder:
        for setting in [*settings, *reversed(settings)]:
            engine, workers, batch = setting
            tried = bare_loop(model, folder, engine=engine, workers=workers, batch=batch, pictures=count)
            say(f"limit {engine} {workers} workers, batches of {batch}: {tried.pictures_per_second:.1f}/s")
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
    say: Say,
) -> list[dict[str, Any]]:
    """
    In each round the limit, then every contender, each started anew, warmed up, and given ``count`` pictures at once.

    Returns:
        For each round: "limit" and the contenders' names, each with its figures.
    """
    found = []
    with workload.unpacked(rig.pictures) as folder:
        for number in range(rounds):
            one: dict[str, Any] = {}
            # Whoever comes first has no advantage: the order turns round.
            for contender in contenders if number % 2 == 0 else reversed(contenders):
                again = bare_loop(
                    model, folder, engine=limit.engine, workers=limit.workers, batch=limit.batch, pictures=count
                )
                work = await measure(rig, contender, count=count, warm_up=warm_up)
                one[contender.name] = figures(work) | {"limit": asdict(again)}
                say(
                    f"round {number + 1}: {contender.name} {work.pictures_per_second:.1f}/s, "
                    f"limit {again.pictures_per_second:.1f}/s"
                )
            found.append(one)
    return found


async def fastest(rig: Rig, settings: Sequence[PeerContender], *, count: int, say: Say) -> PeerContender:
    """The setting at which a peer is fastest here: every one is tried, as its users would."""
    rates = {}
    for contender in settings:
        work = await measure(rig, contender, count=count, warm_up=40)
        rates[str(contender.setting)] = work.pictures_per_second
        say(f"{contender.name}, {contender.setting}: {work.pictures_per_second:.1f}/s")
    return max(settings, key=lambda each: rates[str(each.setting)])


async def measure(rig: Rig, contender: Contender, *, count: int, warm_up: int) -> Work:
    """Start a contender on a ground of its own, warm it up, give it the pictures."""
    async with rig.ground() as ground:
        await contender.start(rig, ground)
        await rig.work(ground, warm_up, contender.result_topics)
        return await rig.work(ground, count, contender.result_topics)


def figures(work: Work) -> dict[str, Any]:
    """One piece of work as JSON takes it."""
    cpu: Mapping[str, float] = {name: work.cpu_ms(name) for name in work.cpu_seconds}
    return {
        "pictures": work.pictures,
        "pictures_per_second": work.pictures_per_second,
        "cpu_ms_per_picture": cpu,
        "peak_mib": dict(work.peak_mib),
    }


def best(limits: Sequence[Limit], engine: str | None = None) -> Limit:
    """The one with the highest rate, of one engine or of all."""
    return max((each for each in limits if engine in (None, each.engine)), key=lambda each: each.pictures_per_second)
