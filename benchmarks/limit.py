"""
The limit: a bare loop that decodes and classifies pictures in memory, with no guard, no event and no store.

    python -m benchmarks.limit MODEL FOLDER --engine openvino --workers 2 --batch 1 --pictures 500

As many workers as asked for, each of which decodes a batch and runs it, with nothing between them but Python's lock,
which decoders and engines release. Prints one JSON object. The runner tries the settings and takes the best one.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import workload
from benchmarks.processes import peak_mib
from inference.decode import Limits, decode
from inference.engines import build, choose
from inference.engines.cuda_options import Options
from inference.errors import RejectedImage
from inference.model.file import read_manifest

Run = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]


def runner(model: Path, engine: str, threads: int) -> Run:
    """An engine of its own for one worker."""
    manifest = read_manifest(model)
    choice = choose(engine)  # type: ignore[arg-type] # checked there
    return build(choice, model.read_bytes(), manifest, threads=threads, max_batch_size=32, cuda_options=Options()).run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of the engine of each worker")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=500)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # decoders', about damaged metadata
    spec = read_manifest(given.model).input
    found = workload.pictures(given.folder)
    runs = [runner(given.model, given.engine, given.threads) for _ in range(given.workers)]
    chosen = [each.data for each in islice(cycle(found), given.pictures)]
    shares = [chosen[number :: given.workers] for number in range(given.workers)]

    def work(run: Run, share: Sequence[bytes]) -> None:
        limits = Limits()
        for start in range(0, len(share), given.batch):
            images = []
            for data in share[start : start + given.batch]:
                try:
                    images.append(decode(data, spec, limits))
                except RejectedImage:
                    continue
            if images:
                run(images)

    with ThreadPoolExecutor(given.workers) as pool:
        list(pool.map(work, runs, [share[:20] for share in shares]))
        cpu, begun = time.process_time(), time.perf_counter()
        list(pool.map(work, runs, shares))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    answer = {
        "engine": given.engine,
        "workers": given.workers,
        "threads": given.threads,
        "batch": given.batch,
        "pictures": len(chosen),
        "pictures_per_second": len(chosen) / seconds,
        "cpu_ms_per_picture": 1000 * cpu / len(chosen),
        "peak_mib": peak_mib(os.getpid()),  # ``ru_maxrss`` would be its parent's: Linux hands that down through exec
    }
    json.dump(answer, sys.stdout)
    print()


if __name__ == "__main__":
    main()
