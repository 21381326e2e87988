"""Locates the model file: a path, or an object that is fetched into the cache and named by its checksum there."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
import platformdirs
from obstore.store import S3Store

from inference.errors import ModelUnusable

if TYPE_CHECKING:
    from inference.lab.plan import Plan


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
            text = " ".join(str(error).split())[:300]
            raise ModelUnusable(f"{uri} cannot be read: {text}. Look at MODEL_URI, AWS_REGION and the role.") from error
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
            raise OSError(str(error)) from error
        return f"{meta['e_tag']} {meta['last_modified']}"
    found = local_path(uri, store_options).stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def exported(
    arch: str | None, output: Path | None, report: Callable[[str], None], *, arithmetic: str | None = None
) -> Path:
    """
    The path of a model that petstream has a recipe for. Exports it unless the cache has the file of this recipe.

    Args:
        arch: see ``inference.lab.plan.planned``.
        output: the file; None: one in the cache.
        report: called with a line about what is exported and why.
        arithmetic: see ``planned``.

    Raises:
        ValueError: there is no such architecture or arithmetic.
    """
    from inference.lab.plan import planned  # noqa: PLC0415 - loads OpenVINO

    return built(planned(arch, arithmetic=arithmetic), output, report)


def built(plan: "Plan", output: Path | None, report: Callable[[str], None]) -> Path:
    """As ``exported``, of a plan."""
    # The name has the digest of the recipe, so the cache needs no invalidation.
    target = output or cache_directory() / plan.name
    report(f"{plan.name.rpartition('-')[0]}: {plan.why}")
    if output is not None or not target.exists():
        from inference.lab.export import export  # noqa: PLC0415 - needs torch and the extra [model], which a worker lacks

        if output is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        export(plan.parts(), target, arithmetic=plan.arithmetic)
    return target
