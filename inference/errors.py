"""The errors of this package, sorted by what the caller does: reject the picture, or stop."""

from typing import Literal, get_args

Reason = Literal["undecodable", "unsupported_format", "too_many_bytes", "too_many_pixels", "decoder_crashed"]
REASONS: tuple[Reason, ...] = get_args(Reason)


class InferenceError(Exception):
    """The root of this package's errors."""


class RejectedImage(InferenceError):  # noqa: N818 - the name says what happened
    """
    This picture cannot be classified, now or later. The caller rejects it and continues.

    Attributes:
        reason: one of ``REASONS``.
        detail: one sentence for a person. It may quote a decoder, but not the picture.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that the error survives pickling
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class DecodersUnavailable(InferenceError):  # noqa: N818 - the name says what happened
    """The decoding processes cannot be started. No picture is at fault. The caller stops."""


class ModelUnusable(InferenceError):  # noqa: N818 - the name says what happened
    """The model file cannot be used. The message says what to do. The caller stops."""


class MissingExtra(ModelUnusable):
    """
    A library is not installed that one of petstream's extras has. The caller knows how to install it.

    Attributes:
        happened: what needs which library.
        extra: has the library.
    """

    def __init__(self, happened: str, extra: str) -> None:
        super().__init__(happened, extra)  # both, so that the error survives pickling
        self.happened = f"{happened}, which is not installed"
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.happened}: install petstream with its extra {self.extra}"


class NotTorchScript(InferenceError):  # noqa: N818 - the name says what happened
    """torch cannot read a model file; the message is torch's."""


class EngineFailure(InferenceError):  # noqa: N818 - the name says what happened
    """The engine failed on a batch or returned no probabilities. No picture is at fault. The caller stops."""
