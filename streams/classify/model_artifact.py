"""Locates the model file: a path, or an object that is fetched into the cache and named by its checksum there."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import platformdirs
from obstore.store import S3Store

from inference.errors import ModelUnusable
from inference.model.recipe import ARCHITECTURES, DEFAULT_ARCH, digest
from streams.runtime.error_text import error_text


def cache_directory() -> Path:
    """Where fetched and exported models are kept."""
    return platformdirs.user_cache_path("petstream") / "models"


def local_path(uri: str, store_options: Callable[[], dict[str, Any]]) -> Path:
    """
    The file that ``uri`` names: a path, ``file://…`` or ``s3://bucket/key`` (fetched at each call).

    Raises:
        ModelUnusable: if there is no such object or it cannot be read.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        try:
            data = bytes(obstore.get(S3Store(parts.netloc, **store_options()), parts.path.lstrip("/")).bytes())
        except (obstore.exceptions.BaseError, OSError) as error:
            remedy = "Look at MODEL_URI, S3_ENDPOINT_URL, AWS_REGION and the role."
            raise ModelUnusable(f"{uri} cannot be read: {error_text(error)}. {remedy}") from error
        target = cache_directory() / f"{hashlib.sha256(data).hexdigest()}.pt"
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(target)  # a reader never sees half a file
        return target
    return Path(parts.path if parts.scheme == "file" else uri).expanduser()


def fingerprint(uri: str, store_options: Callable[[], dict[str, Any]]) -> str:
    """
    A value that changes when the file at ``uri`` does, obtained without reading the file.

    Raises:
        OSError: while it cannot be obtained.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        try:
            meta = obstore.head(S3Store(parts.netloc, **store_options()), parts.path.lstrip("/"))
        except obstore.exceptions.BaseError as error:
            raise OSError(error_text(error)) from error
        return f"{meta['e_tag']} {meta['last_modified']}"
    found = local_path(uri, store_options).stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def exported(arch: str | None, output: Path | None, report: Callable[[str], None]) -> Path:
    """
    The path of a model that petstream has a recipe for. Exports it unless the cache has the file of this recipe.

    Raises:
        ValueError: if there is no such architecture.
    """
    chosen = next((known for known in ARCHITECTURES if known == (arch or DEFAULT_ARCH)), None)
    if chosen is None:
        raise ValueError(f"{arch}: the architectures are {', '.join(ARCHITECTURES)}")
    # The name has the digest of the recipe, so the cache needs no invalidation.
    target = output or cache_directory() / f"{chosen}-{digest(chosen)}.pt"
    if output is not None or not target.exists():
        from inference.model.export import export  # noqa: PLC0415 - needs torch and the extra [model], which a worker lacks

        report(f"exporting {chosen}")
        target.parent.mkdir(parents=True, exist_ok=True)
        export(chosen, target)
    return target
