"""Translates the refusals of S3 and SQS: each names the permission that is missing, or what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import ClientError

from streams.attach.errors import AttachRefused
from streams.runtime.error_text import error_text

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "403"})
_NO_QUEUE: Final = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_LOOK_AT: Final = "look at its name, at AWS_REGION and at S3_ENDPOINT_URL."
_LATER: Final = "SQS frees a name 60 seconds after a delete: run it again then."
_REMEDIES: Final = {
    "NoSuchBucket": _LOOK_AT,
    "404": _LOOK_AT,
    "AWS.SimpleQueueService.QueueDeletedRecently": _LATER,
    "QueueDeletedRecently": _LATER,
    "MethodNotAllowed": "the store has no notifications: docs/deploying.md.",
}


class DestinationRefused(AttachRefused):
    """S3 could not deliver its test message to a destination of the bucket."""


@contextmanager
def asking(action: str, what: str) -> Iterator[None]:
    """
    Run one request that needs the permission ``action``; ``what`` says what it is for, as in "make the queue q".

    Raises:
        AttachRefused: for refusals with a remedy of their own; other errors of boto3 pass.
    """
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _DENIED:
            remedy = f"allow {action}; deploy/aws/attach.json has all that are needed."
            raise AttachRefused(f"These credentials may not {what}", remedy) from error
        if code == "InvalidArgument" and "destination" in str(error):
            raise DestinationRefused(
                f"S3 may not {what}: {error_text(error)}{_arguments(error)}",
                "S3 tries every destination of the bucket at each change: repair or remove the one that it names.",
            ) from error
        if code in _REMEDIES:
            raise AttachRefused(f"Could not {what}: {error_text(error)}", _REMEDIES[code]) from error
        raise


def is_missing_queue(error: ClientError) -> bool:
    """Whether SQS says that there is no such queue."""
    return error.response.get("Error", {}).get("Code") in _NO_QUEUE


def _arguments(error: ClientError) -> str:
    """S3 names the destination and the reason in fields of their own."""
    fields = error.response.get("Error", {})
    named = [str(value) for name, value in sorted(fields.items()) if name.startswith("Argument")]
    return f" ({', '.join(named)})" if named else ""
