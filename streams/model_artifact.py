"""Where the model file is: a path, or an object that is fetched once into the cache and named by its checksum later."""

import hashlib
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
