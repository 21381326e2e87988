"""Where the model file is: a path, or an object that is fetched once into the cache and named by its checksum later."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import platformdirs
from obstore.store import S3Store


def cache_directory() -> Path:
    """Where fetched and exported models are kept."""
    return platformdirs.user_cache_path("petstream") / "models"


def local_path(uri: str, store_options: dict[str, Any]) -> Path:
    """
    The file that ``uri`` names: a path, ``file://…`` or ``s3://bucket/key`` (fetched now, anew at each start).

    Raises:
        FileNotFoundError, obstore.exceptions.BaseError: if there is no such object or it cannot be read.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        data = bytes(obstore.get(S3Store(parts.netloc, **store_options), parts.path.lstrip("/")).bytes())
        target = cache_directory() / f"{hashlib.sha256(data).hexdigest()}.pt"
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(target)  # a reader never sees half a file
        return target
    return Path(parts.path if parts.scheme == "file" else uri).expanduser()


def default_model(tell: Callable[[str], None]) -> Path:
    """The model that petstream ships the recipe of, exported on first use and kept in the cache."""
    from inference.export import DEFAULT_ARCH, export  # noqa: PLC0415 - needs the [model] extra, which a worker has not

    target = cache_directory() / f"{DEFAULT_ARCH}.pt"
    if not target.exists():
        tell(f"exporting {DEFAULT_ARCH} (once)")
        target.parent.mkdir(parents=True, exist_ok=True)
        export(DEFAULT_ARCH, target)
    return target
