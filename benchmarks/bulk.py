"""
Measures the latency of live uploads with and without a waiting backfill, and the throughput of the backfill.

    python -m benchmarks.bulk [--quick] [--per-second 3] [--waiting 20000] [--seconds 60] [--rounds 3]

Each round has its own classifier and sink: live uploads at a steady rate alone, the same with uploads waiting on
image-uploads-bulk, then the backfill alone, compared with the same backlog on the live topic. Latencies are from the
upload event to the result event, by Kafka's timestamps. Needs an idle machine.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks import machine, workload
from benchmarks.contenders import Petstream
from benchmarks.latency import answered
from benchmarks.rig import Rig, Sandbox, opened
from streams.classify.model_artifact import exported
from streams.consumer.live_first import QUIET_SECONDS
from streams.contracts.topics import IMAGE_UPLOADS_BULK

WARM_UP: Final = 100
LIMIT: Final = 1.5
"""Largest ratio of p95 with a backfill to p95 without."""


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds per live upload, without and with a backfill; pictures per second of each kind of backlog."""

    without_ms: list[float]
    with_ms: list[float]
    bulk_beside_live: float
    bulk_alone: float
    live_backlog: float


async def measured(
    rig: Rig, contender: Petstream, *, per_second: float, seconds: float, waiting: int, alone_seconds: float
) -> Round:
    """One round on a sandbox of its own."""
    async with rig.sandbox() as sandbox:
        await contender.start(rig, sandbox)
        await rig.work(sandbox, WARM_UP, contender.result_topics)
        count = max(20, int(per_second * seconds))
        backlog = await rig.work(sandbox, int(alone_seconds * 30), contender.result_topics)
        without = await _live(rig, sandbox, contender, count, per_second)
        await rig.publish(sandbox, waiting, topic=IMAGE_UPLOADS_BULK)
        await rig.publish(sandbox, 1, per_second=per_second)  # so the next is not the first after a pause
        before, began = await _done(rig, sandbox, contender), time.monotonic()
        beside = await _live(rig, sandbox, contender, count, per_second)
        between, ended = await _done(rig, sandbox, contender), time.monotonic()
        assert between - before - count < waiting, "the backfill ended before the measurement: give more --waiting"
        await asyncio.sleep(QUIET_SECONDS + 1)
        start, started = await _done(rig, sandbox, contender), time.monotonic()
        await asyncio.sleep(alone_seconds)
        alone = (await _done(rig, sandbox, contender) - start) / (time.monotonic() - started)
        return Round(without, beside, (between - before - count) / (ended - began), alone, backlog.pictures_per_second)


async def _live(rig: Rig, sandbox: Sandbox, contender: Petstream, count: int, per_second: float) -> list[float]:
    sent = await rig.publish(sandbox, count, per_second=per_second)
    return list((await answered(rig, sandbox, contender.result_topics, [key for key, _ in sent])).values())


async def _done(rig: Rig, sandbox: Sandbox, contender: Petstream) -> int:
    return len(await rig.results(sandbox, contender.result_topics))


def summary(rounds: Sequence[Round]) -> str:
    """The figures of each round and of all rounds, as text."""
    lines = [
        f"{'':8}{'without':>18}{'with':>18}{'p95 with/without':>18}{'bulk beside':>13}{'bulk alone':>12}{'backlog':>9}"
    ]
    for number, each in enumerate(rounds, 1):
        rates = f"{each.bulk_beside_live:11.1f}/s{each.bulk_alone:10.1f}/s{each.live_backlog:7.1f}/s"
        lines.append(f"round {number} {_both(each.without_ms)}{_both(each.with_ms)}{_ratio([each]):18.2f}{rates}")
    ratio = _ratio(rounds)
    lines.append(f"all: p95 with a backfill over p95 without: {ratio:.2f}, the limit is {LIMIT}")
    return "\n".join(lines)


def _both(milliseconds: Sequence[float]) -> str:
    p50, p95 = (_percentile(milliseconds, each) for each in (50, 95))
    return f"{f'p50 {p50:.0f} p95 {p95:.0f} ms':>18}"


def _ratio(rounds: Sequence[Round]) -> float:
    """The ratio of the p95 over all rounds."""
    return _percentile([ms for each in rounds for ms in each.with_ms], 95) / _percentile(
        [ms for each in rounds for ms in each.without_ms], 95
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round with fewer uploads waiting")
    parser.add_argument("--per-second", type=float, default=3.0, help="live uploads")
    parser.add_argument("--waiting", type=int, help="uploads that wait; default 20000, quick 2000")
    parser.add_argument("--seconds", type=float, help="of live uploads, without and with; default 60, quick 15")
    parser.add_argument("--rounds", type=int, help="default 3, quick 1")
    parser.add_argument("--pictures", type=Path, help="a folder; default: ../shared/data/dev, else the demo's pictures")
    parser.add_argument("--model", type=Path, help="a TorchScript file; default: the one that `model export` builds")
    parser.add_argument("--out", type=Path, default=Path("var/bench"))
    given = parser.parse_args()
    quick = given.quick
    contender = Petstream(given.model or exported(None, None, lambda line: print(line, file=sys.stderr)))
    found: list[Round] = []
    with opened(workload.pictures(given.pictures)) as rig:
        for _ in range(given.rounds or (1 if quick else 3)):
            each = measured(
                rig,
                contender,
                per_second=given.per_second,
                seconds=given.seconds or (15 if quick else 60),
                waiting=given.waiting or (2_000 if quick else 20_000),
                alone_seconds=5 if quick else 20,
            )
            found.append(asyncio.run(each))
            print(summary(found), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine.described(), "quick": quick, "rounds": [asdict(each) for each in found]}
    (given.out / "bulk.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
