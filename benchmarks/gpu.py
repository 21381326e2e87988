"""
All that is to be known of a GPU, in one call: rates of every engine, precision and batch size, and whether they agree.

    python -m benchmarks.gpu --pictures ../shared/data/dev --json gpu.json

Rates are of ``Engine.run``: pixels in the host's memory to scores in the host's memory, without decoding. Agreement is
with torch on the CPU in float32, on every picture. Ends with 1 if a label differs, or a score by more than 0.01 in half
precision or 0.001 otherwise.
"""

import argparse
import importlib.util
import json
import platform
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from inference import cpus
from inference.classifier import Classifier
from inference.decode import Limits, decode
from inference.engines import Engine, cuda, module
from inference.engines.cuda import CudaEngine
from inference.engines.cuda_options import Options
from inference.engines.torchscript import TorchScriptEngine
from inference.lab.evaluate import read_labels
from inference.manifest import Manifest
from inference.model import golden
from inference.model.file import checksum, read_manifest
from inference.prediction import LABELS, Prediction

BATCHES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CPU_BATCHES: Final = (1, 16)
TOLERANCES: Final = {"half": 1e-2, "float32": 1e-3}
Images = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Row:
    """One engine as it was set, at one batch size."""

    engine: str
    precision: str
    graphs: bool
    batch: int
    images_per_second: float
    batch_p50_ms: float
    max_score_difference: float
    labels_equal: bool
    notes: str

    @property
    def agrees(self) -> bool:
        return self.labels_equal and self.max_score_difference <= TOLERANCES[self.precision]


def engines(path: Path, manifest: Manifest, device: str, largest: int) -> Iterator[tuple[Engine, str, bool, bool]]:
    """Each engine, made when its turn comes: with its precision, whether it runs graphs, whether it is the device's."""
    content, side, threads = path.read_bytes(), manifest.input.size, cpus.available()
    yield TorchScriptEngine(module.load(content, "cpu"), threads), "float32", False, False
    if importlib.util.find_spec("openvino"):
        from inference.engines.openvino import OpenVinoEngine  # noqa: PLC0415 - it need not be installed
        from inference.engines.openvino_conversion import convert  # noqa: PLC0415 - as above

        yield OpenVinoEngine(convert(content, side), threads), "float32", False, False
    for options in (Options("half", graphs=True), Options("half", graphs=False), Options("float32", graphs=True)):
        made = CudaEngine(module.load(content, device), side, max_batch_size=largest, options=options, device=device)
        yield made, "half" if " half" in made.name else "float32", made.name.endswith(" graphs"), True


def measure(
    path: Path, pictures: Images, *, device: str, seconds: float, batches: Sequence[int] = BATCHES
) -> list[Row]:
    """Every engine at every batch size for ``seconds``; the first engine is what the others are compared with."""
    manifest = read_manifest(path)
    drawn = [golden.draw(number % 64, manifest.input.size) for number in range(max(batches))]
    rows, reference = [], list[Prediction]()
    for engine, precision, graphs, on_device in engines(path, manifest, device, max(batches)):
        predictions = Classifier(engine, manifest, "", max(batches)).predict(pictures)
        reference = reference or predictions
        difference, equal = compared(reference, predictions)
        for batch in batches if on_device else [each for each in CPU_BATCHES if each <= max(batches)]:
            rate, p50 = timed(engine, drawn[:batch], seconds)
            rows.append(
                Row(engine.name, precision, graphs, batch, rate, p50, difference, equal, "; ".join(engine.notes))
            )
        engine.close()
    return rows


def compared(expected: Sequence[Prediction], actual: Sequence[Prediction]) -> tuple[float, bool]:
    """The largest difference of a score, and whether all labels are equal."""
    pairs = list(zip(expected, actual, strict=True))
    differences = [abs(getattr(a.scores, label) - getattr(b.scores, label)) for a, b in pairs for label in LABELS]
    return max(differences), all(a.label == b.label for a, b in pairs)


def timed(engine: Engine, images: Images, seconds: float) -> tuple[float, float]:
    """Images per second and the median of a batch in milliseconds, after a batch that does not count; one at least."""
    engine.run(images)
    times: list[float] = []
    begun = time.perf_counter()
    while not times or time.perf_counter() - begun < seconds:
        at = time.perf_counter()
        engine.run(images)
        times.append(time.perf_counter() - at)
    return len(images) * len(times) / sum(times), 1000 * median(times)


def opened(folder: Path | None, spec: Any, limit: int | None) -> list[NDArray[np.uint8]]:
    """The pixels of a folder's labelled pictures, or of drawn ones."""
    if folder is None:
        return [golden.draw(number, spec.size) for number in range(limit or 16)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
        rows = read_labels(folder / "labels.csv")[:limit]
        return [decode(row.path.read_bytes(), spec, Limits()) for row in rows]


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    summary: dict[str, Any] = {
        "torch": torch.__version__,
        "cpu": platform.processor() or platform.machine(),
        "processors": cpus.available(),
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        summary |= {
            "device": properties.name,
            "device_memory_gib": round(properties.total_memory / 2**30),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call] # torch leaves it untyped
        }
    return summary


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a TorchScript file; default: the one that `model export` builds")
    parser.add_argument("--pictures", type=Path, help="a folder with labels.csv; default: drawn patterns")
    parser.add_argument("--limit", type=int, help="that many pictures at most")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each engine and batch size")
    parser.add_argument("--device", default="cuda", help="torch's name of the device; cpu tries the script out")
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)), help="comma separated")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(arguments)
    if given.device.startswith("cuda") and (missing := cuda.missing()):
        print(f"benchmarks.gpu needs a GPU. {missing} Or say --device cpu to try the script out.", file=sys.stderr)
        return 2
    if given.model is None:
        from streams.classify.model_artifact import exported  # noqa: PLC0415 - a file that is given needs no extra

        given.model = exported(None, None, lambda line: print(line, file=sys.stderr), arithmetic="float32")
    pictures = opened(given.pictures, read_manifest(given.model).input, given.limit)
    batches = [int(each) for each in given.batches.split(",")]
    rows = measure(given.model, pictures, device=given.device, seconds=given.seconds, batches=batches)
    show(rows, len(pictures))
    if given.json:
        document = {
            "machine": machine(given.device),
            "model_sha256": checksum(given.model),
            "pictures": len(pictures),
            "rows": [asdict(row) | {"agrees": row.agrees} for row in rows],
        }
        given.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if all(row.agrees for row in rows) else 1


def show(rows: Sequence[Row], pictures: int) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("engine", "batch", "images/s", "p50 of a batch, ms", "largest difference", "labels equal"):
        table.add_column(name, justify="left" if name == "engine" else "right")
    for row in rows:
        table.add_row(
            row.engine,
            str(row.batch),
            f"{row.images_per_second:.1f}",
            f"{row.batch_p50_ms:.2f}",
            f"{row.max_score_difference:.1e}",
            f"{'yes' if row.labels_equal else 'NO'}, {pictures} of them",
        )
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table, highlight=False)
    for note in dict.fromkeys(f"{row.engine}: {row.notes}" for row in rows if row.notes):
        console.print(note, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
