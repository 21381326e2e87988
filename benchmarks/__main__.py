"""
Compares petstream with the limit of the machine and with its peers, and measures how its costs grow.

    python -m benchmarks [--quick] [--only limits,compare,latency,growth] [--out FOLDER]

Writes figures.json (raw, with the machine and the versions) and figures.png into the folder, and prints the tables.
Everything runs on real services on loopback. Read the ratios: each compares runs of the same minutes.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks import compare, contenders, growth, latency, machine, plots, tables, workload
from benchmarks.contenders import Petstream
from benchmarks.peers import PYTHON
from benchmarks.rig import Rig, opened
from benchmarks.sink_rows import server
from inference import cpus
from inference.classifier import load
from streams.classify.model_artifact import exported

PARTS: Final = ("limits", "compare", "latency", "growth")
SHARES: Final = (0.1, 0.5, 0.8)
LATENCY_SECONDS: Final = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma separated")
    parser.add_argument("--quick", action="store_true", help="few pictures, one round, no large backlogs and tables")
    parser.add_argument("--pictures", type=Path, help="a folder; default: ../shared/data/dev, else the demo's pictures")
    parser.add_argument("--model", type=Path, help="a TorchScript file; default: the one that `model export` builds")
    parser.add_argument("--int8", type=Path, help="an int8 file of that model, as a contender of its own")
    parser.add_argument("--out", type=Path, default=Path("var/bench"))
    parser.add_argument("--rounds", type=int, help="of the comparison; default 5, quick 1")
    parser.add_argument("--peers", help="names, comma separated; default all, '' none")
    given = parser.parse_args()
    parts = given.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    given.model = given.model or exported(None, None, print_line)
    given.out.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"machine": machine.described(), "quick": given.quick, "began": time.time()}
    try:
        asyncio.run(measured(given, parts, document))
    finally:
        (given.out / "figures.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    plots.draw(document, given.out / "figures.png")
    console = Console(width=max(Console().width, 140))
    for table in tables.tables(document):
        console.print(table)
    console.print(f"{given.out / 'figures.json'}, {given.out / 'figures.png'}")
    return 0


async def measured(given: argparse.Namespace, parts: list[str], document: dict[str, Any]) -> None:
    """Run the parts, and add their figures to the document as they come."""
    pictures = workload.pictures(given.pictures)
    document["workload"] = {
        "pictures": len(pictures),
        "mean_bytes": sum(len(picture.data) for picture in pictures) // len(pictures),
    }
    count, rounds = (150, 1) if given.quick else (1000, 5)
    processors = cpus.available()
    limits = compare.limits(given.model, pictures, processors, count // 2, print_line)
    document["limits"] = [asdict(each) for each in limits]
    best = compare.best(limits)
    if "compare" in parts:
        with opened(pictures) as rig:
            others = await chosen_peers(rig, given)
            document["peers"] = {
                each.name: {"setting": str(each.setting), "version": each.peer.version()} for each in others
            }
            document["compare"] = await compare.rounds(
                rig,
                given.model,
                [*ours(given), *others],
                best,
                count=count,
                rounds=given.rounds or rounds,
                warm_up=100,
                print_line=print_line,
            )
    if "latency" in parts:
        document["latency"] = await latencies(given, pictures)
    if "growth" in parts:
        document["growth"] = await grown(given, pictures)


async def latencies(given: argparse.Namespace, pictures: list[workload.Picture]) -> list[dict[str, Any]]:
    """Latency at one picture per second, and at shares of the capacity measured with a backlog just before."""
    found = []
    seconds = 10 if given.quick else LATENCY_SECONDS
    with opened(pictures) as rig:
        classifier = load(given.model)
        own = await latency.alone_ms(classifier, rig.store_url, pictures)
        async with rig.sandbox() as sandbox:
            contender = Petstream(given.model)
            await contender.start(rig, sandbox)
            await rig.work(sandbox, 100, contender.result_topics)
            backlog = await rig.work(sandbox, 100 if given.quick else 400, contender.result_topics)
            capacity = backlog.pictures_per_second
            print_line(f"capacity {capacity:.1f}/s")
            for rate in (1.0, *(share * capacity for share in SHARES)):
                number = max(20, int(rate * seconds))
                at = await latency.at_rate(rig, sandbox, contender, per_second=rate, pictures=number, own_ms=own)
                found.append(asdict(at))
                times = f"p50 {at.p50_ms:.0f} ms ({at.times_p50:.2f}), p95 {at.p95_ms:.0f} ms ({at.times_p95:.2f})"
                print_line(f"{rate:.1f}/s: {times}")
        classifier.close()
    return found


async def grown(given: argparse.Namespace, pictures: list[workload.Picture]) -> dict[str, list[dict[str, Any]]]:
    """Cost over the number of classifiers, the backlog, the pictures' size and the table's rows."""
    found: dict[str, list[dict[str, Any]]] = {}
    quick = given.quick
    with opened(pictures) as rig:
        points = await growth.with_classifiers(
            rig, given.model, pictures=100 if quick else 600, numbers=growth.CLASSIFIERS, print_line=print_line
        )
        found["classifiers"] = [asdict(point) for point in points]
    with opened(growth.of_sizes([(64, 48)])) as rig:
        points = await growth.with_backlog(rig, numbers=growth.BACKLOGS[: 1 if quick else None], print_line=print_line)
        found["backlog"] = [asdict(point) for point in points]
    with opened(growth.of_sizes(growth.SIDES[: 3 if quick else None])) as rig:
        points = await growth.with_size(rig, given.model, pictures=20 if quick else 100, print_line=print_line)
        found["megapixels"] = [asdict(point) for point in points]
    with server("18") as config:
        points = await growth.with_table(
            config, numbers=growth.TABLE_ROWS[: 3 if quick else None], rounds=1 if quick else 5, print_line=print_line
        )
        found["table rows"] = [asdict(point) for point in points]
    return found


def ours(given: argparse.Namespace) -> list[Petstream]:
    """petstream with the model, and with its int8 file if there is one."""
    both = [Petstream(given.model)]
    return both if given.int8 is None else [*both, Petstream(given.int8, name="petstream int8")]


async def chosen_peers(rig: Rig, given: argparse.Namespace) -> list[contenders.PeerContender]:
    """The selected peers at their fastest settings; empty without their environment."""
    if not PYTHON.exists():
        print_line(f"no peers: {PYTHON} is not there; make bench sets it up")
        return []
    wanted = None if given.peers is None else given.peers.split(",")
    chosen = []
    for settings in contenders.settings_of_peers(given.model).values():
        if wanted is None or settings[0].peer.name in wanted:
            tried = settings[:1] if given.quick else settings
            chosen.append(
                await compare.fastest(rig, tried, count=150, print_line=print_line) if len(tried) > 1 else tried[0]
            )
    return chosen


def print_line(line: str) -> None:
    """Print progress to stderr."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
