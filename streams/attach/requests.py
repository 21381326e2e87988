"""Translates the refusals of S3 and SQS: each names the permission that is missing, or what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - boto3's name

from streams.attach.errors import AttachRefused, BucketMissing
from streams.runtime.error_text import error_text

_NO_BUCKET: Final = frozenset({"NoSuchBucket", "404"})
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "403"})
_NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_LATER: Final = "SQS frees a name 60 seconds after a delete: run it again then."
_REMEDIES: Final = {
    "AWS.SimpleQueueService.QueueDeletedRecently": _LATER,
    "QueueDeletedRecently": _LATER,
    "MethodNotAllowed": "the store has no notifications: docs/deploying.md.",
}
_PASSING: Final = frozenset({"OperationAborted", "SlowDown", "RequestTimeout"})
"""OperationAborted: somebody else changes the bucket at this moment."""
_KEY_ACTION: Final = re.compile(r"\bkms:\w+")
"""In the answer of an encrypted bucket: its key refuses, not S3."""
_SERVER_ERROR: Final = 500


@contextmanager
def asking(action: str, what: str) -> Iterator[None]:
    """
    Run one request that needs the permission ``action``; ``what`` says what it is for, as in "make the queue q".

    Raises:
        AttachRefused, BucketMissing: for refusals with a remedy of their own; other errors of boto3 pass.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if code in _DENIED:
            key = _KEY_ACTION.search(str(error))
            needed = (
                f"{key[0]} on the bucket's key" if key else f"{action}; deploy/aws/attach.json has all that are needed"
            )
            raise AttachRefused(
                f"These credentials may not {what} ({error_text(error)})", f"allow {needed}."
            ) from error
        if code in _NO_BUCKET:
            remedy = "look at its name, at AWS_REGION and at S3_ENDPOINT_URL."
            raise BucketMissing(f"Could not {what}: {error_text(error)}", remedy) from error
        if code in _REMEDIES:
            raise AttachRefused(f"Could not {what}: {error_text(error)}", _REMEDIES[code]) from error
        raise


def code_of(error: ClientError) -> str:
    """The code of S3's or SQS's answer."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing_queue(error: ClientError) -> bool:
    """Whether SQS says that there is no such queue."""
    return code_of(error) in _NO_QUEUE


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed in a moment: no answer, a server's error, or a change by somebody else."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= _SERVER_ERROR or code_of(error) in _PASSING
    return isinstance(error, ConnectionError | HTTPClientError)
