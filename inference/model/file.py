"""Reads and writes model files: bytes, checksum, manifest. Runs no code of torch or of the model."""

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from inference.errors import ModelUnusable
from inference.manifest import MANIFEST_FILE, Manifest

REMAKE: Final = "Make it again with `petstream model export` or `petstream model quantize`."
NETWORK_FILES: Final = ("openvino.xml", "openvino.bin")  # among the archive's _extra_files
_MANIFEST_BYTES: Final = 16 * 1024 * 1024  # at most; ours has 3 KB
REBUILD: Final = "Build one with `petstream model export`, or point MODEL_URI at another file."


def read(path: Path) -> bytes:
    """
    The whole file, so that the checked bytes are the loaded ones even if the file is replaced meanwhile.

    Raises:
        ModelUnusable: it cannot be read.
    """
    with _readable(path):
        return path.read_bytes()


def checksum(path: Path) -> str:
    """SHA-256 in hexadecimal digits. Raises ModelUnusable if the file cannot be read."""
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> Manifest:
    """
    The manifest of a model file, in milliseconds.

    Raises:
        ModelUnusable: the file is missing, is no model file, or has no valid manifest.
    """
    with _readable(path), path.open("rb") as file:
        return manifest_of(file, path)


def manifest_of(file: IO[bytes], path: Path) -> Manifest:
    """As ``read_manifest``, from an open file or from bytes in memory; ``path`` is for messages."""
    try:
        with zipfile.ZipFile(file) as archive:
            has_module = any(record.filename.endswith("/constants.pkl") for record in archive.infolist())
            found = _extra(archive, MANIFEST_FILE)
            if not has_module and not found:
                raise ModelUnusable(f"{path} is no TorchScript file: it has no code, as a plain checkpoint. {REBUILD}")
            if len(found) != 1 or found[0].file_size > _MANIFEST_BYTES:
                raise ModelUnusable(
                    f"{path} has no {MANIFEST_FILE}. Save it with torch.jit.save(…, _extra_files={{'{MANIFEST_FILE}': "
                    "…}), or build one with `petstream model export`."
                )
            document = archive.read(found[0])
            networks = [len(_extra(archive, name)) for name in NETWORK_FILES]
    except zipfile.BadZipFile as error:
        raise ModelUnusable(f"{path} is no TorchScript file, or not a whole one: {error}. {REBUILD}") from error
    manifest = Manifest.from_json(document)
    if networks != [1, 1] and (manifest.network != "torchscript" or any(networks)):
        raise ModelUnusable(f"{path} has no whole OpenVINO network, although it names one. {REMAKE}")
    if not has_module and manifest.network == "torchscript":
        raise ModelUnusable(f"{path} has no TorchScript module, although its manifest names it. {REMAKE}")
    return manifest


def network_of(content: bytes) -> tuple[bytes, bytes] | None:
    """Description and weights of the OpenVINO network in a model file's bytes; None if it has none."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = [archive.read(record) for name in NETWORK_FILES for record in _extra(archive, name)]
    return (found[0], found[1]) if found else None


def has_network(content: bytes) -> bool:
    """Whether a model file's bytes have an OpenVINO network; reads the names only."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(_extra(archive, name) for name in NETWORK_FILES)


def with_files(content: bytes, files: Mapping[str, bytes]) -> bytes:
    """A model file's bytes with added or replaced extra files, without dates."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        kept = [each for each in source.infolist() if not any(each in _extra(source, name) for name in files)]
        for record in kept:
            archive.writestr(zipfile.ZipInfo(record.filename), source.read(record))
        folder = kept[0].filename.partition("/")[0]
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/extra/{name}"), data)
    return target.getvalue()


def without_module(content: bytes) -> bytes:
    """
    The bytes of an int8 or bfloat16 file without its TorchScript module, which no engine runs: a third of the size.

    Manifest and network stay in their places, so that the same code reads both.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in (MANIFEST_FILE, *NETWORK_FILES):
            [record] = _extra(source, name)
            archive.writestr(zipfile.ZipInfo(record.filename), source.read(record))
    return target.getvalue()


def replace(output: Path, content: bytes) -> None:
    """
    Write a model file atomically: readers see the old or the new file.

    Raises:
        OSError: the folder is missing, or the disk is full; names ``output``, and leaves nothing behind.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(output)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(output)) from error


def _extra(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """TorchScript keeps extra files in <name of the archive>/extra/."""
    return [record for record in archive.infolist() if record.filename.endswith(f"/extra/{name}")]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror or error}. {REBUILD}") from error
