"""Benchmarks a model file on this machine with each engine, number of threads and batch size."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference import cpus
from inference.classifier import Classifier, load
from inference.engines import EngineName, installed
from inference.model import golden
from inference.model.file import read_manifest

BATCHES: Final = (1, 4, 16)
DEVICE_BATCHES: Final = (1, 8, 32, 64, 128)  # of the sizes that the engine prepares
_ROUNDS: Final = 4
_AS_GOOD: Final = 0.95  # of the best rate: smaller differences are noise


@dataclass(frozen=True, slots=True)
class Setting:
    """An engine, its number of threads, and the batch size."""

    engine: EngineName
    threads: int
    batch: int


@dataclass(slots=True)
class Measurement:
    """The totals of a setting: pictures, wall-clock seconds, CPU seconds, seconds of each batch."""

    setting: Setting
    pictures: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    batches: list[float] = field(default_factory=list, repr=False)

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.pictures / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per picture, over all threads."""
        return 1000 * self.cpu_seconds / self.pictures

    @property
    def p50_ms(self) -> float:
        """Median milliseconds per batch."""
        return 1000 * median(self.batches)


def bench(
    path: Path, seconds: float, *, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> list[Measurement]:
    """
    Measure ``Classifier.predict`` at every setting, in several rounds, so that drift affects all settings alike.

    Args:
        path: the model file.
        seconds: for all measurements, without loading and the last batch. Each setting runs at least one batch.
        progress: called with the number of steps done and in total.

    Raises:
        ModelUnusable: the file does not load with an installed engine.
    """
    engines = installed(read_manifest(path).network)
    keys = [(engine, threads) for engine in engines for threads in _threads(engine, cpus.available())]
    cells = [Measurement(Setting(*key, batch)) for key in keys for batch in _batches(key[0])]
    total = len(keys) + _ROUNDS * len(cells)
    with ExitStack() as stack:
        running: dict[tuple[EngineName, int], Classifier] = {}
        for number, (engine, threads) in enumerate(keys):
            loaded = load(path, engine=engine, threads=threads, max_batch_size=max(_batches(engine)))
            running[engine, threads] = stack.enter_context(closing(loaded))
            progress(number + 1, total)
        side = loaded.manifest.input.size
        images = [golden.draw(number, side) for number in range(max(cell.setting.batch for cell in cells))]
        done, end = len(keys), time.perf_counter() + seconds
        for number in range(_ROUNDS):
            # Alternating order, so that no setting always runs after the same one.
            for cell in cells if number % 2 == 0 else reversed(cells):
                if number == 0 or time.perf_counter() < end:
                    classifier = running[cell.setting.engine, cell.setting.threads]
                    _run(cell, classifier, images[: cell.setting.batch], seconds / (_ROUNDS * len(cells)))
                done += 1
                progress(done, total)
    return cells


def recommended(measurements: Sequence[Measurement]) -> Setting:
    """
    Of the settings within 5 % of the highest rate, the one with the fewest threads, then the smallest batch.

    Decoding can use the other threads, and a small batch has a lower latency.
    """
    best = max(each.rate for each in measurements)
    good = [each for each in measurements if each.rate >= _AS_GOOD * best]
    return min(good, key=lambda each: (each.setting.threads, each.setting.batch, -each.rate)).setting


def _run(cell: Measurement, classifier: Classifier, images: Sequence[NDArray[np.uint8]], seconds: float) -> None:
    cpu, begun = time.process_time(), time.perf_counter()
    now = begun
    while True:
        classifier.predict(images)
        before, now = now, time.perf_counter()
        cell.batches.append(now - before)
        cell.pictures += len(images)
        if now - begun >= seconds:
            break
    cell.seconds += now - begun
    cell.cpu_seconds += time.process_time() - cpu


def _batches(engine: EngineName) -> tuple[int, ...]:
    return DEVICE_BATCHES if engine == "cuda" else BATCHES


def _threads(engine: EngineName, processors: int) -> list[int]:
    """1, 2, 4, … and all CPUs; 1 for a GPU."""
    if engine == "cuda":
        return [1]
    powers = [2**power for power in range(processors.bit_length()) if 2**power < processors]
    return [*powers, processors]
