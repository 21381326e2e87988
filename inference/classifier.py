"""Loads and verifies a model file, and classifies pixels with it."""

import hashlib
import io
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference import cpus
from inference.engines import Cascading, Engine, EngineName, allocator, build, choose, fitting
from inference.engines.cuda_options import DEFAULTS, Options
from inference.engines.libraries import require_torch
from inference.errors import EngineFailure, ModelUnusable, NotTorchScript
from inference.manifest import Golden, Manifest, Thresholds
from inference.model import golden
from inference.model.file import REBUILD, REMAKE, has_network, manifest_of, read
from inference.prediction import Prediction, decide, normalise

_SUM_TOLERANCE: Final = 0.01  # half precision adds up to 1 within 0.002
_WARM_UP_ROUNDS: Final = 3  # torch profiles the first two forwards and compiles at the third


class Classifier:
    """
    One verified model on one engine. Made by ``load``.

    Attributes:
        manifest: of the model's file.
        sha256: of the file, in hexadecimal digits.
        engine: its name, and what it runs on.
        why: why this engine was chosen, and which options it could not use; for logs.
        thresholds: what decides: the manifest's, or the operator's instead of them.
        lanes: how many threads may call ``predict`` at a time; others wait.
    """

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        sha256: str,
        max_batch_size: int,
        why: str = "as given",
        *,
        accept: float | None = None,
    ) -> None:
        self._engine = engine
        self._lanes = threading.BoundedSemaphore(engine.lanes)
        self._max_batch_size = max_batch_size
        self._columns = tuple(list(manifest.columns(label)) for label in ("cat", "dog", "neither"))
        self.manifest = manifest
        self.sha256 = sha256
        self.engine = engine.name
        self.why = why
        self.thresholds = manifest.thresholds if accept is None else Thresholds(accept=accept, compared="label")
        self.lanes = engine.lanes

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        """
        Classify images. Blocks.

        Args:
            images: any number, each uint8 (S, S, 3) as ``decode`` returns it; S is ``manifest.input.size``.

        Returns:
            One prediction per image, in the same order.

        Raises:
            ValueError: an image has another shape or type.
            EngineFailure: the engine fails, or does not return one row of probabilities per image.
        """
        shape = (self.manifest.input.size, self.manifest.input.size, 3)
        for image in images:
            if image.shape != shape or image.dtype != np.uint8:
                raise ValueError(f"an image is {image.dtype} {image.shape}, the model takes uint8 {shape}")
        predictions: list[Prediction] = []
        with self._lanes:
            for start in range(0, len(images), self._max_batch_size):
                predictions += self._predict(images[start : start + self._max_batch_size])
        return predictions

    def close(self) -> None:
        """Free the engine's threads and memory; idempotent."""
        self._engine.close()

    def _predict(self, images: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        scores, deferred = run(self._engine, images, self.manifest)
        rows = scores.astype(np.float64)
        masses = np.stack([rows[:, columns].sum(1) for columns in self._columns], axis=1)
        accept, compared = self.thresholds.accept, self.thresholds.compared
        decided = [decide(normalise(*row), accept=accept, compared=compared) for row in masses.tolist()]
        return [replace(one, deferred=later) for one, later in zip(decided, deferred.tolist(), strict=True)]


def load(
    path: Path,
    *,
    sha256: str | None = None,
    engine: EngineName = "auto",
    threads: int | None = None,
    max_batch_size: int = 32,
    cuda: Options = DEFAULTS,
    accept: float | None = None,
) -> Classifier:
    """
    Read, verify and warm up the model file at ``path``.

    Args:
        path: a TorchScript archive with a manifest (``manifest.Manifest``).
        sha256: the required checksum, in hexadecimal digits; None: any. Pin it where others can write the file.
        engine: ``cuda``, ``openvino``, ``torchscript``, or ``auto``.
        threads: processors to use; None: all that this process may use.
        max_batch_size: larger sequences are split.
        cuda: options of the engine ``cuda``.
        accept: the least score of a label, 0..1, instead of the manifest's thresholds.

    Returns:
        A warm classifier that has reproduced the file's golden answers.

    Raises:
        ModelUnusable: the file or the engine cannot be used; the message says why and what to do.
    """
    choice = choose(engine)
    content = read(path)
    checksum = hashlib.sha256(content).hexdigest()
    if sha256 is not None and checksum != sha256.strip().lower():
        raise ModelUnusable(
            f"{path} has the checksum {checksum}, not {sha256}. If this is the file you mean, set MODEL_SHA256 to its "
            "checksum; if not, fetch or build the right one."
        )
    manifest = manifest_of(io.BytesIO(content), path)
    choice = fitting(choice, engine, manifest.network)
    if choice.name == "openvino" and not has_network(content):
        require_torch(f"{path} has no network in OpenVINO's format, so it")
    threads = threads or cpus.available()
    try:
        running = build(
            choice,
            content,
            manifest,
            threads=threads,
            max_batch_size=max_batch_size,
            cuda_options=cuda,
        )
    except NotTorchScript as error:
        raise ModelUnusable(f"{path} is no TorchScript file: {_first_line(error)}. {REBUILD}") from error
    except MemoryError as error:
        raise ModelUnusable(
            f"The engine {choice.name} has too little memory for {path}: {_first_line(error)}. Free the device "
            "(nvidia-smi shows who uses it), lower BATCH_MAX_SIZE, or choose the engine torchscript."
        ) from error
    except Exception as error:
        remedy = "Trace the module at its input size, or choose the engine torchscript."
        if manifest.network != "torchscript":
            remedy = REMAKE
        raise ModelUnusable(f"The engine {choice.name} cannot take {path}: {_first_line(error)}. {remedy}") from error
    del content
    try:
        _verify(path, running, manifest, threads)
    except BaseException:
        running.close()
        raise
    allocator.release_freed_pages()
    return Classifier(
        running, manifest, checksum, max_batch_size, "; ".join([choice.why, *running.notes]), accept=accept
    )


def run(
    engine: Engine, images: Sequence[NDArray[np.uint8]], manifest: Manifest, *, defer_all: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """
    The engine's scores for ``images``. Checks their shape, and that each row is a probability.

    Args:
        engine: the engine.
        images: as ``Engine.run`` takes them.
        manifest: of the engine's file.
        defer_all: as if each picture were deferred, if the engine is ``Cascading``.

    Returns:
        Scores, float32 (N, labels), and whether each picture was deferred to the large network of a cascade, (N,).

    Raises:
        EngineFailure: see the class.
    """
    try:
        rows = engine.run_deferred(images) if defer_all and isinstance(engine, Cascading) else engine.run(images)
    except Exception as error:
        raise EngineFailure(f"{engine.name} failed on {len(images)} images: {_first_line(error)}") from error
    labels = len(manifest.labels)
    widths = (labels,) if manifest.cascade is None else (labels, labels + 1)
    if rows.shape not in [(len(images), width) for width in widths]:
        raise EngineFailure(f"{engine.name} gave {rows.shape} for {len(images)} images and {labels} labels")
    rows, deferred = rows[:, :labels], np.max(rows[:, labels:], axis=1, initial=0) > 0
    sums = rows.sum(1)
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (np.abs(sums - 1) <= _SUM_TOLERANCE).all()):
        raise EngineFailure(f"{engine.name} gave no probabilities: rows add up to {sums.min()} … {sums.max()}")
    return rows, deferred


def _verify(path: Path, engine: Engine, manifest: Manifest, threads: int) -> None:
    """Check the golden answers, then run enough forward passes to finish torch's compilation."""
    try:
        off = _deviation(engine, manifest, manifest.golden)
        if manifest.cascade is not None and isinstance(engine, Cascading) and engine.defers:
            off = max(off, _deviation(engine, manifest, manifest.cascade.golden, defer_all=True))
        image = golden.draw(0, manifest.input.size)
        for _ in range(_WARM_UP_ROUNDS):
            run(engine, [image] * threads, manifest)
    except EngineFailure as error:
        raise ModelUnusable(
            f"{path} does not work: {error}. It must take uint8 (N, {manifest.input.size}, {manifest.input.size}, 3) "
            f"and give probabilities (N, {len(manifest.labels)})."
        ) from error
    if off > engine.tolerance:
        raise ModelUnusable(
            f"{engine.name} does not reproduce the answers that {path} was built with (off by {off:.2g} in a "
            f"log-score, at most {engine.tolerance}). Choose another engine, or build the file again."
        )


def _deviation(engine: Engine, manifest: Manifest, answers: Sequence[Golden], *, defer_all: bool = False) -> float:
    """How far the engine is from golden answers, as ``golden.deviation`` says; 0 where there are none."""
    patterns = [each.pattern for each in answers] or [0, 1]
    images = [golden.draw(pattern, manifest.input.size) for pattern in patterns]
    rows, _ = run(engine, images, manifest, defer_all=defer_all)
    return golden.deviation(np.array([each.scores for each in answers]), rows) if answers else 0.0


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
