"""
Says in plain words what happened, for the errors that the system and libraries raise. Pure.

Class names and a library's own phrases mean nothing to an operator. Errors of petstream have plain messages already. An
error that is neither known nor petstream's is a bug: its class stays, because a developer needs it. No package is
imported for this: a package that was not imported cannot have raised an error.
"""

import errno
import os
import re
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

# ruff: noqa: PLC0415 - see above

MAX_CHARS: Final = 500
NO_ANSWER: Final = "no answer in time"
NO_BROKER: Final = "no broker answers"
REFUSED: Final = "the connection was refused"
BROKEN: Final = "the connection broke"
UNKNOWN_HOST: Final = "the host name cannot be resolved"
_OURS: Final = ("streams.", "persistence.", "inference.", "deploy.")
_ERRNO: Final = re.compile(r"\[Errno (-?\d+)\]")
_BUCKET: Final = re.compile(r'Invalid bucket name "(.*?)": ')
_STATUS: Final = re.compile(r"Server returned non-2xx status code: (\d{3})(?: ([A-Z][A-Za-z ]+[a-z]))?")
_LIBPQ: Final = re.compile(r'connection to server at "[^"]*"(?: \([^)]*\))?, port \d+ failed: (?:FATAL: +)?(.*)')
_LIBPQ_WORDS: Final = {
    "connection refused": REFUSED,
    "timeout expired": NO_ANSWER,
    "connection timeout expired": NO_ANSWER,
}
_NO_POSTGRES: Final = re.compile(
    r"expected authentication request|invalid response to SSL negotiation|rejected SSL upgrade|does not support SSL"
)
_NUMBERS: Final = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: BROKEN,
    errno.EPIPE: BROKEN,
    errno.ECONNABORTED: BROKEN,
    errno.ETIMEDOUT: NO_ANSWER,
}


def error_text(error: BaseException) -> str:
    """What happened, on one line of at most MAX_CHARS characters, without a full stop at the end."""
    return " ".join(_text(error).split())[:MAX_CHARS].rstrip(". ")


def system_text(error: OSError) -> str:
    """The same for an error about a file that the message names already; its own words if the system's are not used."""
    if error.errno and error.strerror and error.strerror != os.strerror(error.errno):
        return f"{error.strerror[0].lower()}{error.strerror[1:]}"
    return error_text(OSError(error.errno, error.strerror))


def _text(error: BaseException) -> str:
    for module, of_package in _OF_PACKAGES.items():
        if module in sys.modules and (found := of_package(error)) is not None:
            return found
    if isinstance(error, OSError) and (found := _of_system(error)) is not None:
        return found
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name} is not installed"
    if isinstance(error, UnicodeError):
        return "it is not valid UTF-8"
    message = str(error).strip().partition("\n")[0]
    if type(error).__module__.startswith(_OURS) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _of_system(error: OSError) -> str | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):  # urllib's URLError
        return _text(reason)
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, socket.gaierror):
        return UNKNOWN_HOST
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    numbers = [error.errno] if error.errno else [int(number) for number in _ERRNO.findall(str(error))]
    words = dict.fromkeys(_NUMBERS.get(number) or os.strerror(number).lower() for number in numbers)
    text = ", ".join(words)
    if error.filename is not None and text:
        return f"{error.filename}: {text}"
    return text or None


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    reason = getattr(error, "reason", None) or "unexpected answer"
    return f"TLS failed: {reason.replace('_', ' ').lower()}"


def _of_persistence(error: BaseException) -> str | None:
    from persistence.errors import PersistenceError

    if not isinstance(error, PersistenceError):
        return None
    if _NO_POSTGRES.search(str(error)):
        return "what answers is not PostgreSQL, or speaks no TLS"
    cause = error.__cause__
    if isinstance(cause, OSError) and str(error) in {str(cause), type(cause).__name__}:
        return _of_system(cause)
    # The first line: PostgreSQL's further lines point into a generated statement.
    message = str(error).strip().partition("\n")[0]
    if "could not translate host name" in message or "failed to resolve host" in message:
        return UNKNOWN_HOST
    if found := _LIBPQ.search(message):
        message = found[1]
    return _LIBPQ_WORDS.get(message.lower(), message)


def _of_kafka(error: BaseException) -> str | None:
    from aiokafka import errors

    if not isinstance(error, errors.KafkaError):
        return None
    said = " ".join(str(each) for each in error.args)
    if isinstance(error, errors.KafkaConnectionError | errors.NodeNotReadyError | errors.NoBrokersAvailable):
        cause = error.__cause__
        return said if cause is not None and said else NO_BROKER
    if isinstance(error, errors.KafkaTimeoutError | errors.RequestTimedOutError):
        return NO_ANSWER
    if isinstance(error, errors.BrokerResponseError) and said:  # often the name of a topic alone
        return f"{error.message.replace('_', ' ').lower()}: {said}"
    described = str(getattr(error, "description", ""))
    return said or described or "an unexpected answer"


def _of_aws(error: BaseException) -> str | None:
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        answer: Mapping[str, Any] = error.response.get("Error", {})
        code, message = answer.get("Code", ""), answer.get("Message", "")
        return f"the answer is {code}{': ' if message else ''}{message}"
    if type(error).__module__ == "botocore.parsers":
        return "the answer cannot be read"
    return _of_boto(error) if isinstance(error, exceptions.BotoCoreError) else None


def _of_boto(error: BaseException) -> str:
    from botocore import exceptions

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return "no AWS credentials were found"
    if isinstance(error, exceptions.NoRegionError):
        return "AWS_REGION is not set"
    if isinstance(error, exceptions.ParamValidationError):
        found = _BUCKET.search(str(error))
        return f"{found[1]!r} is no valid name of a bucket" if found else "the request is not valid"
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return f"{_origin(error)} {_connection(error)}"
    return str(error)


def _origin(error: Any) -> str:
    """Scheme, host and port of the endpoint, without credentials and without the object's key."""
    parts = urlsplit(str(error.kwargs.get("endpoint_url") or ""))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "the endpoint"


def _connection(error: Any) -> str:
    from botocore import exceptions

    if isinstance(error, exceptions.ConnectTimeoutError | exceptions.ReadTimeoutError):
        return "does not answer in time"
    if isinstance(error, exceptions.SSLError):
        return "offers no TLS, or its certificate is not accepted"
    if isinstance(error, exceptions.ConnectionClosedError):
        return "broke the connection"
    return "does not answer"


def _of_store(error: BaseException) -> str | None:
    from obstore.exceptions import BaseError

    if not isinstance(error, BaseError | OSError):  # obstore raises 404 as Python's FileNotFoundError
        return None
    if found := _STATUS.search(str(error)):
        return f"the store answers {' '.join(filter(None, found.groups()))}"
    if isinstance(error, OSError):
        return None
    if "HttpError" in str(error) or "error sending request" in str(error):
        return "the store does not answer"
    return str(error).strip().partition("\n")[0]


def _of_json(error: BaseException) -> str | None:
    import msgspec

    from streams.contracts.decode_errors import decode_error_text

    return decode_error_text(error) if isinstance(error, msgspec.DecodeError) else None


_OF_PACKAGES: Final[Mapping[str, Callable[[BaseException], str | None]]] = {
    "persistence.errors": _of_persistence,
    "aiokafka.errors": _of_kafka,
    "botocore.exceptions": _of_aws,
    "obstore.exceptions": _of_store,
    "msgspec": _of_json,
}
"""Keyed by the module that defines the package's errors."""
