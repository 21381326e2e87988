"""
Decides what a failure means: an upload's own fault rejects it; any other failure is retried. Pure.

A component that is unavailable for every object is no upload's fault, whatever the error: the circuit detects that
(circuit.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inference.errors import RejectedImage
from inference.prediction import LABELS, Scores
from streams.classify.verdicts import FetchError, ObjectForbiddenError, ObjectMissingError, ObjectTooLargeError
from streams.contracts import Reason, RetryReason
from streams.contracts.user_names import NoUserError


class NotAPetError(Exception):
    """The picture shows neither a cat nor a dog, or the model is not sure enough which."""

    def __init__(self, scores: Scores) -> None:
        ranked = sorted(LABELS, key=lambda label: -getattr(scores, label))
        why = "neither cat nor dog" if ranked[0] == "neither" else "not sure enough for a label"
        super().__init__(f"{why}: " + ", ".join(f"{label} {getattr(scores, label):.4f}" for label in ranked))


class DecoderBrokenError(Exception):
    """The decoder refuses a picture that is known to be good."""


FORESEEN: Final = (FetchError, RejectedImage, NoUserError, NotAPetError, DecoderBrokenError)
"""All expected errors of an attempt that ends without a label."""


_REJECTS: Final[Mapping[type[Exception], Reason]] = {
    NotAPetError: "not_a_pet",
    NoUserError: "no_user",
    ObjectTooLargeError: "too_many_bytes",
}
_RETRIES: Final[Mapping[type[Exception], RetryReason]] = {
    RejectedImage: "decoder_crashed",
    ObjectMissingError: "missing",
    ObjectForbiddenError: "forbidden",
    FetchError: "unavailable",
}
"""The first class that matches decides."""


@dataclass(frozen=True, slots=True)
class Reject:
    """The upload's own fault: another attempt would end the same way."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt may end differently."""

    reason: RetryReason
    detail: str


def decide(error: Exception) -> Reject | Retry:
    """What an attempt that ended with ``error`` means for its upload."""
    for kind, reason in _REJECTS.items():
        if isinstance(error, kind):
            return Reject(reason, str(error))
    if isinstance(error, RejectedImage) and error.reason != "decoder_crashed":
        return Reject(error.reason, error.detail)
    for kind, why in _RETRIES.items():
        if isinstance(error, kind):
            return Retry(why, str(error))
    return Retry("failed", f"{type(error).__name__}: {error}")
