"""An operator reads what happened, never the name of a class or a library's own words."""

import re
import socket
import ssl
import urllib.error
from typing import Any

import asyncpg
import msgspec
import pytest
from aiokafka import errors as kafka
from botocore import exceptions as aws
from obstore.exceptions import BaseError

from persistence.errors import MisconfiguredDatabase, PersistenceError, sort_driver_error
from streams.runtime.error_text import MAX_CHARS, error_text

LIBRARIES = re.compile(
    r"\w+Error\b|\w+Exception\b|Errno|Traceback|`|Generic S3|<class|aiokafka|botocore|asyncpg|psycopg"
)


class BugError(Exception):
    """As a bug raises it."""


def translated(error: Exception) -> PersistenceError:
    found = sort_driver_error(error)
    assert found is not None
    found.__cause__ = error
    return found


def refused_handshake(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:1006)")
    error.reason = reason
    return error


def answered(code: str, message: str) -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": message}}, "HeadBucket")


def invalid(body: bytes) -> Exception:
    class Point(msgspec.Struct):
        x: int
        tags: dict[str, int] = {}

    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Point)
    return caught.value


STORE_404 = FileNotFoundError(
    "Object at location k not found: Error performing GET http://h/b/k in 1.9ms - Server returned non-2xx status code: "
    "404 Not Found: \n\nDebug source:\nNotFound {"
)
STORE_AWAY = BaseError("Generic S3 error: Error performing GET http://h/b/k in 1ms - HTTP error: error sending request")
LIBPQ = 'connection failed: connection to server at "127.0.0.1", port 9 failed: '


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 5432)"), "the connection was refused"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 111] b"), "the connection was refused"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke"),
        (OSError(113, "No route to host"), "no route to host"),
        (socket.gaierror(-2, "Name or service not known"), "the host name cannot be resolved"),
        (TimeoutError(), "no answer in time"),
        (refused_handshake("WRONG_VERSION_NUMBER"), "TLS failed: wrong version number"),
        (FileNotFoundError(2, "No such file or directory", "ca.pem"), "ca.pem: no such file or directory"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "the connection was refused"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "it is not valid UTF-8"),
        (translated(ConnectionRefusedError(111, "Connect call failed ('::1', 9, 0, 0)")), "the connection was refused"),
        (translated(TimeoutError()), "no answer in time"),
        (
            translated(asyncpg.InvalidPasswordError('password authentication failed for user "u"')),
            'password authentication failed for user "u"',
        ),
        (PersistenceError(f"{LIBPQ}Connection refused\n\tIs the server running?"), "the connection was refused"),
        (PersistenceError(f'{LIBPQ}FATAL:  database "n" does not exist'), 'database "n" does not exist'),
        (
            PersistenceError(f"{LIBPQ}expected authentication request from server, but received H"),
            "what answers is not PostgreSQL, or speaks no TLS",
        ),
        (
            translated(ConnectionError('PostgreSQL server at "h:9" rejected SSL upgrade')),
            "what answers is not PostgreSQL, or speaks no TLS",
        ),
        (PersistenceError("failed to resolve host 'h': [Errno -2] Name"), "the host name cannot be resolved"),
        (MisconfiguredDatabase("no such column\nLINE 1: SELECT"), "no such column"),
        (
            kafka.KafkaConnectionError("Unable to bootstrap from [('h', 9092, <AddressFamily.AF_UNSPEC: 0>)]"),
            "no broker answers",
        ),
        (kafka.RequestTimedOutError(), "no answer in time"),
        (kafka.InvalidReplicationFactorError(), "Replication-factor is invalid"),
        (
            kafka.SaslAuthenticationFailed("Invalid username or password"),
            "sasl authentication failed: Invalid username or password",
        ),
        (aws.EndpointConnectionError(endpoint_url="http://me:secret@h:9/b/k"), "http://h:9 does not answer"),
        (aws.ConnectTimeoutError(endpoint_url="http://h:9/b"), "http://h:9 does not answer in time"),
        (aws.NoCredentialsError(), "no AWS credentials were found"),
        (aws.NoRegionError(), "AWS_REGION is not set"),
        (
            aws.ParamValidationError(report='Invalid bucket name "k K": must match the regex'),
            "'k K' is no valid name of a bucket",
        ),
        (
            answered("NoSuchBucket", "The specified bucket does not exist"),
            "the answer is NoSuchBucket: The specified bucket does not exist",
        ),
        (STORE_404, "the store answers 404 Not Found"),
        (STORE_AWAY, "the store does not answer"),
        (invalid(b"{}"), "the field x is missing"),
        (invalid(b'{"x": "1"}'), "the field x has a wrong value"),
        (invalid(b"[]"), "it does not have the expected form"),
        (invalid(b"{"), "it is not JSON"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_of_the_system_or_of_a_library_is_told_in_plain_words(error: Exception, text: str) -> None:
    assert error_text(error) == text
    assert not LIBRARIES.search(error_text(error))


def test_every_error_of_the_kafka_client_has_plain_words() -> None:
    kinds: list[Any] = [kind for kind in vars(kafka).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, kafka.KafkaError):
            assert not LIBRARIES.search(error_text(kind())), kind


def test_a_bug_keeps_the_name_of_its_class() -> None:
    assert error_text(BugError("index out of range")) == "BugError: index out of range"


def test_the_text_is_one_line_of_bounded_length() -> None:
    text = error_text(PersistenceError("x" * 10_000))
    assert len(text) == MAX_CHARS
    assert "\n" not in error_text(BugError("a\nb"))
