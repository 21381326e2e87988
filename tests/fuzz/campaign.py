"""
Sends damaged pictures through the pool of decoders, as the classifier runs it, and counts what comes out.

A case is named by its format, seed and number, and can be made again from these three.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import numpy as np

from inference.decode import Limits
from inference.decode.formats import Format
from inference.decode.pool import DecodePool
from inference.errors import REASONS, RejectedImage
from inference.manifest import InputSpec
from tests.fuzz import memory
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import seeds

FORMATS: Final[tuple[Format, ...]] = get_args(Format)
SPEC: Final = InputSpec(size=16, resize=18)
DECODED: Final = "decoded"
PARENT_GROWTH_BYTES: Final = 64 * 1024 * 1024  # pictures of at most 64 kB are in flight, a handful at a time
CHILD_RESTING_BYTES: Final = 512 * 1024 * 1024  # a leak of 1 kB for each picture would show after half a million
_CASE_SECONDS: Final = 240.0  # twice in a process, each time 80 s on the clock, is the pool's own limit
_ALL: Final = tuple(picture for kind in FORMATS for picture in seeds(kind))


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged picture."""

    kind: Format
    seed: int
    number: int

    @property
    def data(self) -> bytes:
        return mutated(random.Random(f"{self.seed}/{self.kind}/{self.number}"), seeds(self.kind), _ALL)


@dataclass(slots=True)
class Report:
    """What became of the cases of one format."""

    kind: Format
    outcomes: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    parent_growth_bytes: int = 0
    child_peak_bytes: int = 0
    child_resting_bytes: int = 0
    crashed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


async def fuzz(
    kind: Format,
    seed: int,
    numbers: range,
    *,
    workers: int = 2,
    findings: Path | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """
    Decode the cases of ``kind`` with these numbers in a pool of the product's own limits.

    Args:
        kind: format of the pictures before they are damaged.
        seed: of the run.
        numbers: of the cases.
        workers: decoding processes.
        findings: folder for the bytes of cases that crashed a decoder or broke a rule; None keeps none.
        advance: called after each case.

    Returns:
        The count of outcomes, and in ``faults`` every rule that was broken, with the case that broke it.
    """
    report, before = Report(kind), memory.children()
    async with DecodePool(workers, SPEC, Limits()) as pool:
        resident = memory.resident_bytes()
        todo = iter(numbers)

        async def work() -> None:
            for number in todo:
                case = Case(kind, seed, number)
                await _judge(pool, case, report, findings)
                if number % 500 == 0:
                    _weigh(pool, report, resident)
                advance()

        await asyncio.gather(*(work() for _ in range(2 * workers)))
        _weigh(pool, report, resident)
        report.child_resting_bytes = memory.heaviest(pool.pids)
        report.replaced = pool.replaced
        if len(pool.pids) != workers:
            report.faults.append(f"the pool has {len(pool.pids)} processes, not {workers}")
    report.faults.extend(_broken_bounds(report))
    if left := memory.children() - before:
        report.faults.append(f"processes are left over: {sorted(left)}")
    if sum(report.outcomes.values()) != len(numbers):
        report.faults.append(f"{sum(report.outcomes.values())} outcomes for {len(numbers)} pictures")
    return report


async def _judge(pool: DecodePool, case: Case, report: Report, findings: Path | None) -> None:
    data = case.data
    outcome, fault = DECODED, ""
    try:
        async with asyncio.timeout(_CASE_SECONDS):
            pixels = await pool.decode(data)
    except RejectedImage as rejected:
        outcome = rejected.reason
        if outcome not in REASONS or not rejected.detail or not rejected.detail.isprintable():
            fault = f"rejected without a proper reason: {rejected!r}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this program looks for
        outcome, fault = "fault", f"{type(error).__name__}: {error}"
    else:
        if pixels.shape != (16, 16, 3) or pixels.dtype != np.uint8:
            fault = f"not the stated pixels: {pixels.dtype} {pixels.shape}"
    report.outcomes[outcome] += 1
    name = f"{case.kind.lower()}-seed{case.seed}-{case.number}"
    if outcome == "decoder_crashed":
        report.crashed.append(name)
    if fault:
        report.faults.append(f"{name}: {fault}")
    if findings and (fault or outcome == "decoder_crashed"):
        _keep(findings, name, data)


def _keep(findings: Path, name: str, data: bytes) -> None:
    findings.mkdir(parents=True, exist_ok=True)
    (findings / f"{name}.bin").write_bytes(data)


def _weigh(pool: DecodePool, report: Report, resident: int) -> None:
    report.parent_growth_bytes = max(report.parent_growth_bytes, memory.resident_bytes() - resident)
    report.child_peak_bytes = max(report.child_peak_bytes, *map(memory.peak_bytes, pool.pids))


def _broken_bounds(report: Report) -> Iterator[str]:
    if report.parent_growth_bytes > PARENT_GROWTH_BYTES:
        yield f"this process grew by {report.parent_growth_bytes} bytes"
    if report.child_resting_bytes > CHILD_RESTING_BYTES:
        yield f"a decoding process kept {report.child_resting_bytes} bytes"
