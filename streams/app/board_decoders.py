"""The board's decoding processes. They are the classifier's, with another decoder: see inference/decode."""

from typing import Final, Self

from inference.decode import Limits
from inference.decode.adaptive_timeout import AdaptiveTimeout
from inference.decode.lazy_pool import LazyDecodePool
from inference.decode.pool import DecodePool
from inference.decode.rendition import jpeg
from inference.errors import DecodersUnavailable, Reason, RejectedImage
from inference.manifest import InputSpec
from streams.board.objects import NoPictureError, UnavailableError
from streams.board.renditions import CrashedError

SECONDS: Final = 3.0
"""As the classifier's first attempt. While pictures hang, the limit is shorter (adaptive_timeout)."""
MEMORY_BYTES: Final = 512 * 1024 * 1024
"""Of address space for each picture. 12 megapixels take up to 200 MB, as WebP."""
DECODER: Final = "inference.decode.rendition:rendition"
REFUSALS: Final[dict[Reason, str]] = {
    "undecodable": "the file is damaged",
    "unsupported_format": "it is in no supported picture format",
    "too_many_bytes": "the object is too large",
    "too_many_pixels": "it has too many pixels",
    "decoder_crashed": "it takes too long or too much memory to decode",
}
"""In our words. The decoder's own may quote the file."""


class BoardDecoder:
    """
    Makes renditions of one size. The processes start with the first picture.

    Args:
        side: Longest side of a rendition, in pixels.
        workers: Number of processes.
        max_bytes: Largest object.
    """

    def __init__(self, side: int, workers: int, max_bytes: int) -> None:
        self._pool = LazyDecodePool(
            DecodePool(
                workers,
                InputSpec(size=side, resize=side),
                Limits(max_bytes=max_bytes),
                SECONDS,
                MEMORY_BYTES,
                timeout=AdaptiveTimeout(SECONDS),
                tries_again=False,  # the board tries again later
                decoder=DECODER,
            )
        )

    async def render(self, data: bytes) -> bytes:
        """As ``streams.board.renditions.RenditionDecoder``."""
        try:
            return jpeg(await self._pool.decode(data))
        except RejectedImage as rejected:
            kind = CrashedError if rejected.reason == "decoder_crashed" else NoPictureError
            raise kind(REFUSALS[rejected.reason]) from rejected
        except (DecodersUnavailable, ValueError) as error:
            raise UnavailableError("the decoding processes do not work") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()
