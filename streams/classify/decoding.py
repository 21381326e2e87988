"""
Bytes to pixels, through the circuit of the decoder.

A decoder rejects a picture only if it decodes one that is known to be good right after. Else the decoder is broken, and
the picture waits for it.
"""

from inference.decode.reference_pictures import reference_picture_for
from inference.errors import RejectedImage
from streams.classify.circuit import Circuit
from streams.classify.failures import DecoderBrokenError
from streams.classify.serving import Decoder
from streams.classify.shadow import Pixels
from streams.runtime import metrics, tracing


class Decoding:
    """Decodes pictures, and finds out whether a refusal is the picture's fault."""

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
                if (
                    self._circuit.is_open or self._circuit.openings != openings
                ):  # it may have been broken when it refused
                    return await decoder.decode(data)
                raise


async def _decodes(decoder: Decoder, data: bytes) -> bool:
    try:
        await decoder.decode(data)
    except RejectedImage:
        return False
    return True
