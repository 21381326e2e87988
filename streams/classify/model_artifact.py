"""Locates the model file: a path, or an object that is fetched into the cache and named by its checksum there."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import obstore
import platformdirs
from obstore.store import S3Store

from inference.errors import MissingExtra, ModelUnusable
from inference.model.recipe import shipped_model
from streams.runtime.error_text import error_text

if TYPE_CHECKING:
    from obstore.store import RetryConfig

    from inference.lab.plan import Plan

CONNECT_TIMEOUT: Final = timedelta(seconds=3)
RETRIES: Final["RetryConfig"] = {"max_retries": 2, "retry_timeout": timedelta(seconds=1)}
"""A store that refuses is asked three times, one that drops packets once."""


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
            data = bytes(obstore.get(_store(parts.netloc, store_options()), parts.path.lstrip("/")).bytes())
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
            meta = obstore.head(_store(parts.netloc, store_options()), parts.path.lstrip("/"))
        except obstore.exceptions.BaseError as error:
            raise OSError(error_text(error)) from error
        return f"{meta['e_tag']} {meta['last_modified']}"
    found = local_path(uri, store_options).stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _store(bucket: str, options: dict[str, Any]) -> S3Store:
    # With obstore's defaults, a wrong S3_ENDPOINT_URL is reported after three minutes.
    client = {**options.get("client_options", {}), "connect_timeout": CONNECT_TIMEOUT}
    return S3Store(bucket, **{**options, "client_options": client}, retry_config=RETRIES)


def default_model(report: Callable[[str], None]) -> Path:
    """
    The model file that came with petstream, which a built wheel has; else the one that ``exported`` makes.

    Raises:
        MissingExtra: there is none, and the packages that export one are not installed.
    """
    if (shipped := shipped_model()).exists():
        report(f"{shipped.stem}, which came with petstream")
        return shipped
    try:
        return exported(None, None, report)
    except ModuleNotFoundError as missing:
        happened = (
            f"petstream came without a model file (only built wheels have it): exporting one needs {missing.name}"
        )
        raise MissingExtra(happened, "model") from missing


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
    said = f"{plan.name.rpartition('-')[0]}: {plan.why}"
    if output is None and target.exists():
        report(said)
        return target
    from inference.lab.cascade_card import composed  # noqa: PLC0415 - needs torch and the extra [model], which a worker lacks
    from inference.lab.export import export  # noqa: PLC0415 - as above

    report(said)
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    together = composed(plan.cascade_card)
    parts = plan.parts()
    export(parts, target, arithmetic=plan.arithmetic, cascade=together.cascade, curve=together.curve, rev=plan.rev)
    return target
