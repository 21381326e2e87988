"""Checks a model file as ``load`` does, and reports the result of each check."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.classifier import load
from inference.engines import EngineName, installed
from inference.errors import ModelUnusable
from inference.manifest import Manifest
from inference.model.file import checksum, read_manifest


@dataclass(frozen=True, slots=True)
class Check:
    """One check; ``detail`` is the finding, or the error and what to do."""

    name: str
    passed: bool
    detail: str


def verify(path: Path, sha256: str | None = None) -> Iterator[Check]:
    """
    Yield the checks in the order of ``load``, each when it is done. Checks that depend on a failed one are left out.
    The engines are independent of each other.

    Args:
        path: the model file.
        sha256: the required checksum; None: any.
    """
    try:
        found = checksum(path)
        yield Check("file", passed=True, detail=f"{path}, {path.stat().st_size:,} bytes")
        pinned = sha256 is None or found == sha256.strip().lower()
        remedy = "set MODEL_SHA256 to its checksum if this is the file you mean; if not, fetch or build the right one"
        yield Check("checksum", passed=pinned, detail=found if pinned else f"{found}, not {sha256}: {remedy}")
        if not pinned:
            return
    except (ModelUnusable, OSError) as error:
        yield Check("file", passed=False, detail=str(error))
        return
    try:
        manifest = read_manifest(path)
    except ModelUnusable as error:
        yield Check("manifest", passed=False, detail=str(error))
        return
    yield Check("manifest", passed=True, detail=f"{manifest.name}, version {manifest.version}, rev {manifest.rev}")
    for engine in installed(manifest.network):
        yield _runs(path, found, engine, manifest)


def _runs(path: Path, sha256: str, engine: EngineName, manifest: Manifest) -> Check:
    try:
        # With the checksum: the file that is run is the one whose manifest was read.
        classifier = load(path, sha256=sha256, engine=engine, threads=1)
    except ModelUnusable as error:
        return Check(engine, passed=False, detail=str(error))
    classifier.close()
    side, width, golden = manifest.input.size, len(manifest.labels), len(manifest.golden)
    answers = f"reproduces {golden} golden answers" if golden else "the manifest has no golden answers to reproduce"
    return Check(
        engine,
        passed=True,
        detail=f"loads; takes uint8 (N, {side}, {side}, 3); gives probabilities (N, {width}); {answers}; warm",
    )
