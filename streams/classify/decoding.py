"""
Turns bytes into pixels, through the circuit of the decoder.

A picture is rejected only if the decoder, right after, decodes a picture that is known to be good. Otherwise the
decoder is broken, and the picture waits until it recovers.
"""

from inference.decode.reference_pictures import reference_picture_for
from inference.errors import RejectedImage
from streams.classify.circuit import Circuit
from streams.classify.retry_or_reject import DecoderBrokenError
from streams.classify.serving import Decoder
from streams.classify.shadow import Pixels
from streams.runtime import metrics, tracing


class Decoding:
    """Decodes pictures, and determines whether a refusal is the picture's fault."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit

    async def decode(self, data: bytes, decoder: Decoder) -> Pixels:
        """
        The pixels of a picture, as ``decoder`` makes them. Waits while the decoder is known to be broken.

        Raises:
            RejectedImage: the picture's fault, or not yet known (``decoder_crashed``).
            DecoderBrokenError: the decoder refuses a good picture, too.
        """
        async with self._circuit.call(None):
            openings = self._circuit.openings
            try:
                with metrics.DECODE.time(), tracing.span("decode"):
                    return await decoder.decode(data)
            except RejectedImage as error:
                kind, good = reference_picture_for(data)
                if not await _decodes(decoder.cpu_pool, good):
                    raise DecoderBrokenError(
                        f"the decoder refuses a good {kind}, too ({error}): it is broken"
                    ) from error
                # The decoder may have been broken when it refused the picture.
                if self._circuit.is_open or self._circuit.openings != openings:
                    return await decoder.decode(data)
                raise


async def _decodes(decoder: Decoder, data: bytes) -> bool:
    try:
        await decoder.decode(data)
    except RejectedImage:
        return False
    return True
