"""
What a store's refusal of an object means: one table for both readers (images.py). Pure.

S3's error code decides if the table has it, because one status has several meanings: 403 is a policy on one object, or
expired credentials for all of them. Otherwise the HTTP status decides.
Sources: Amazon S3 API reference, "Error responses"; RFC 9110, section 15; botocore's table of throttling codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final


class FetchError(Exception):
    """
    An object could not be read; the subclass states what that means.

    Attributes:
        is_about_object: True: the store answered, and the answer concerns this object only.
            False: the error is not about the object. If every object ends this way, nothing can be read.
        status: of the HTTP response; None without one.
        code: S3's error code, such as ``AccessDenied``; None without one.
    """

    is_about_object: ClassVar[bool] = True

    def __init__(self, detail: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class ObjectMissingError(FetchError):
    """The store has no such object or no such version of it, or only a delete marker."""


class ObjectForbiddenError(FetchError):
    """Access to this object is denied. The caller has to find out whether that holds for others, too."""


class ObjectTooLargeError(FetchError):
    """The object is larger than the limit."""


class ObjectUnreadableError(FetchError):
    """A permanent answer about this object, none of the above: SSE-C, a disabled key, an archived object, no bucket."""


class StoreUnavailableError(FetchError):
    """No complete answer, 5xx, throttling, refused credentials, a wrong region or endpoint. It may be temporary."""

    is_about_object = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    How a read failed.

    Attributes:
        message: of the store's answer; without an answer, of the exception.
        status: of the HTTP response; None: there is no answer.
        code: S3's error code.
    """

    message: str
    status: int | None = None
    code: str | None = None

    def __str__(self) -> str:
        parts = (f"HTTP {self.status}" if self.status else None, self.code, self.message)
        return " ".join(part for part in parts if part)


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
    "NoSuchBucket": ObjectUnreadableError,  # about this bucket only; it may be created, so not "missing"
    "InvalidObjectState": ObjectUnreadableError,  # 403 for an archived object, not for a permission
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
"""By the first digit of the status. 3xx without a target is a wrong region or endpoint."""


def fetch_error(refusal: Refusal) -> FetchError:
    """The error to raise for a refusal."""
    return _kind(refusal)(str(refusal), status=refusal.status, code=refusal.code)


def _kind(refusal: Refusal) -> type[FetchError]:
    if refusal.status is None:
        return StoreUnavailableError
    if refusal.code == "InvalidArgument" and "version" in refusal.message.lower():
        return ObjectMissingError  # S3 answers 400, not 404, to an impossible version id
    by_status = _BY_STATUS.get(refusal.status) or _OTHERWISE.get(refusal.status // 100, StoreUnavailableError)
    return _BY_CODE.get(refusal.code or "", by_status)
