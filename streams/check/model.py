"""Checks of the models and of the space for temporary files. They block: call them in a thread."""

import shutil
import tempfile
from typing import Final

from streams.check.finding import Finding, Role
from streams.runtime.remedies import explained
from streams.runtime.settings import ClassifySettings, InvalidSettingsError

FREE_MIN_BYTES: Final = 512 * 1024 * 1024
"""A model from S3 has some tens of megabytes and Faust's tables are empty. Enough for several models and the logs."""


def model(settings: ClassifySettings) -> list[Finding]:
    """Load the model as a worker does: checksum, manifest, engine, self-test."""
    return _model(settings, "model", settings.model_uri, settings.model_sha256)


def shadow(settings: ClassifySettings) -> list[Finding]:
    """Load the shadow model as a worker does, if one is set."""
    uri = settings.model_shadow_uri
    return [] if uri is None else _model(settings, "shadow model", uri, None)


def room(role: Role) -> list[Finding]:
    """Check that temporary files can be written and that the disk has space."""
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError as error:
        remedy = "set TMPDIR to a folder that the process may write to"
        return [Finding(role, "temporary files", f"no folder can be written to: {error.strerror}", remedy)]
    free = shutil.disk_usage(place).free
    found = f"{place} has {free / 2**30:,.1f} GiB free"
    if free < FREE_MIN_BYTES:
        remedy = f"free {FREE_MIN_BYTES // 2**20} MiB there, or set TMPDIR to another folder"
        return [Finding(role, "temporary files", found, remedy)]
    return [Finding(role, "temporary files", found)]


def _model(settings: ClassifySettings, subject: str, uri: str, sha256: str | None) -> list[Finding]:
    # Imported here: the check also runs without torch and the engines.
    from inference.errors import ModelUnusable  # noqa: PLC0415
    from streams.classify.opening import open_model  # noqa: PLC0415

    try:
        classifier = open_model(settings, uri, sha256)
    except ModelUnusable as error:
        said = explained(error)
        return [Finding("classify", subject, "unusable", said.text if said else str(error))]
    except InvalidSettingsError as error:
        return [Finding("classify", "credentials", "none", str(error))]
    manifest = classifier.manifest
    decides = f"labels from {classifier.thresholds.accept:g}"
    found = f"{manifest.name} {manifest.version}, {classifier.engine}, {decides}, sha256 {classifier.sha256}"
    return [Finding("classify", subject, found)]
