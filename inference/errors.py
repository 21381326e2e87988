"""What can go wrong between bytes and a prediction, sorted by what the caller does about it: reject, or stop."""

from typing import Literal, get_args

Reason = Literal["undecodable", "unsupported_format", "too_many_bytes", "too_many_pixels", "decoder_crashed"]
REASONS: tuple[Reason, ...] = get_args(Reason)


class InferenceError(Exception):
    """Something between the bytes and the prediction failed."""


class RejectedImage(InferenceError):  # noqa: N818 - the name says what happened
    """
    This one picture cannot be classified, now or later. Its neighbours can. The caller records it and goes on.

    Attributes:
        reason: one of the closed set ``REASONS``.
        detail: one sentence for a person; may quote a decoder, never the picture's bytes.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that the error survives pickling
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class DecodersUnavailable(InferenceError):  # noqa: N818 - the name says what happened
    """The decoding processes cannot be started, which is no picture's fault. The caller stops, loudly."""


class ModelUnusable(InferenceError):  # noqa: N818 - the name says what happened
    """The model file must not be served. The message says what to do. The caller stops, loudly."""


class NotTorchScript(InferenceError):  # noqa: N818 - the name says what happened
    """torch cannot read a model file; the message is torch's own."""


class EngineFailure(InferenceError):  # noqa: N818 - the name says what happened
    """The engine failed on a batch or answered nonsense: a fault of the device, no picture's. The caller stops."""
