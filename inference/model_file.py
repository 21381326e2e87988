"""A model file as a file: its bytes, its checksum, its manifest. No code of torch runs, none of the model's either."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from inference.errors import ModelUnusable
from inference.manifest import MANIFEST_FILE, Manifest

_MANIFEST_BYTES: Final = 16 * 1024 * 1024  # at most; ours has 3 KB
REBUILD: Final = "Build one with `petstream model export`, or point MODEL_URI at another file."


def read(path: Path) -> bytes:
    """
    The whole file at once: what is checked is what is loaded, even if the file is replaced meanwhile.

    Raises:
        ModelUnusable: if it cannot be read.
    """
    with _readable(path):
        return path.read_bytes()


def checksum(path: Path) -> str:
    """Sha256 in hexadecimal digits; ModelUnusable if the file cannot be read."""
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> Manifest:
    """
    The manifest of a model file, in milliseconds.

    Raises:
        ModelUnusable: if there is no such file, no such archive, no manifest in it, or no valid one.
    """
    with _readable(path), path.open("rb") as file:
        return manifest_of(file, path)


def manifest_of(file: IO[bytes], path: Path) -> Manifest:
    """The same of an open file, or of bytes in memory; ``path`` is what messages call it."""
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            if not any(record.filename.endswith("/constants.pkl") for record in records):
                raise ModelUnusable(f"{path} is no TorchScript file: it has no code, as a plain checkpoint. {REBUILD}")
            # TorchScript keeps extra files in <name of the archive>/extra/.
            found = [record for record in records if record.filename.endswith(f"/extra/{MANIFEST_FILE}")]
            if len(found) != 1 or found[0].file_size > _MANIFEST_BYTES:
                raise ModelUnusable(
                    f"{path} has no {MANIFEST_FILE}. Save it with torch.jit.save(…, _extra_files={{'{MANIFEST_FILE}': "
                    "…}), or build one with `petstream model export`."
                )
            document = archive.read(found[0])
    except zipfile.BadZipFile as error:
        raise ModelUnusable(f"{path} is no TorchScript file, or not a whole one: {error}. {REBUILD}") from error
    return Manifest.from_json(document)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror or error}. {REBUILD}") from error
