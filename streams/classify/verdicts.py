"""
What a store's refusal of an object means: one table for both ways of reading it (images.py). Pure.

S3's error code decides where the table has it, because one status serves several: 403 is a policy on one object, or
credentials that expired for all of them. Otherwise the HTTP status decides.
Sources: Amazon S3 API reference, "Error responses"; RFC 9110, section 15; botocore's table of throttling codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final


class FetchError(Exception):
    """
    An object could not be read; the class says what that means.

    Attributes:
        is_about_object: True: the store answered, and the answer is about this object, whatever becomes of others.
            False: it says nothing of the object. If every object ends so, nothing can be read.
        status: of the HTTP response; None without one.
        code: S3's word for the error, such as ``AccessDenied``; None without one.
    """

    is_about_object: ClassVar[bool] = True

    def __init__(self, detail: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class ObjectMissingError(FetchError):
    """The store has no such object, or not this version of it, or only the mark of its deletion."""


class ObjectForbiddenError(FetchError):
    """We may not read this object. Whether that holds for others, too, the caller has to find out."""


class ObjectTooLargeError(FetchError):
    """The object has more bytes than are read."""


class ObjectUnreadableError(FetchError):
    """A permanent answer about this object, none of the above: SSE-C, a disabled key, an archived object, no bucket."""


class StoreUnavailableError(FetchError):
    """No whole answer, 5xx, throttling, refused credentials, a wrong region or endpoint. It may pass."""

    is_about_object = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    How a read failed.

    Attributes:
        message: of the store's answer; without an answer, of whatever failed instead.
        status: of the HTTP response; None: there is no answer.
        code: S3's word for the error.
    """

    message: str
    status: int | None = None
    code: str | None = None

    def __str__(self) -> str:
        told = (f"HTTP {self.status}" if self.status else None, self.code, self.message)
        return " ".join(part for part in told if part)


CREDENTIAL_CODES: Final = frozenset(
    {
        "AccountProblem",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "InvalidToken",
        "MissingAuthenticationToken",
        "NotSignedUp",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
"""Refusals that concern credentials, clock or region, and so every object."""

_PASSING_CODES: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "KMS.ThrottlingException",
        "OperationAborted",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Throttling and time-outs, which some stores send with status 400, 403 or 409."""

_BY_CODE: Final[Mapping[str, type[FetchError]]] = {
    **dict.fromkeys(CREDENTIAL_CODES | _PASSING_CODES, StoreUnavailableError),
    "NoSuchKey": ObjectMissingError,
    "NoSuchVersion": ObjectMissingError,
    "NoSuchBucket": ObjectUnreadableError,  # other buckets are there; and it may come, so it is not "missing"
    "InvalidObjectState": ObjectUnreadableError,  # 403, but of an archive: permission is not what is wanting
}

_BY_STATUS: Final[Mapping[int, type[FetchError]]] = {
    401: StoreUnavailableError,  # credentials
    403: ObjectForbiddenError,
    404: ObjectMissingError,
    405: ObjectMissingError,  # Amazon's answer to the version id of a delete marker
    407: StoreUnavailableError,  # a proxy's credentials
    408: StoreUnavailableError,
    410: ObjectMissingError,
    421: StoreUnavailableError,  # the wrong server
    425: StoreUnavailableError,  # too early
    429: StoreUnavailableError,
}

_OTHERWISE: Final[Mapping[int, type[FetchError]]] = {4: ObjectUnreadableError}
"""By the hundreds of the status. 3xx without a place to go is a wrong region or endpoint."""


def verdict(refusal: Refusal) -> FetchError:
    """The error to raise for a refusal."""
    return _kind(refusal)(str(refusal), status=refusal.status, code=refusal.code)


def _kind(refusal: Refusal) -> type[FetchError]:
    if refusal.status is None:
        return StoreUnavailableError
    if refusal.code == "InvalidArgument" and "version" in refusal.message.lower():
        return ObjectMissingError  # a version id that cannot be one of this bucket's answers 400, not 404
    by_status = _BY_STATUS.get(refusal.status) or _OTHERWISE.get(refusal.status // 100, StoreUnavailableError)
    return _BY_CODE.get(refusal.code or "", by_status)
