"""The circuits of the classifier: what opens each of them, and what closes it."""

from inference.errors import RejectedImage
from streams.classify.circuit import Circuit
from streams.classify.retry_or_reject import DecoderBrokenError, Reject, Retry, decide
from streams.classify.s3_errors import FetchError
from streams.runtime.outages import Outages


class Circuits:
    """
    ``store`` opens when no object can be read. ``decoder`` opens when the decoder refuses a picture that is known to be
    good. ``classifier`` opens when the work on every message ends in an unexpected exception.
    """

    def __init__(self, outages: Outages) -> None:
        self.store = Circuit("object_store", outages, works=_store_works)
        self.decoder = Circuit("inference", outages, works=_decoder_works, different=1, seconds=0)
        self.classifier = Circuit("classifier", outages, works=_classifier_works)

    def decide(self, error: Exception) -> Reject | Retry | None:
        """
        What an attempt that ended with ``error`` means for its upload.

        None: the component is unavailable for every object, and the attempt is repeated. Only the component that the
        error came from counts: otherwise a missing object would be requested again and again while the decoder is
        broken.
        """
        decision = decide(error)
        circuit = self.store if isinstance(error, FetchError) else self.decoder
        return None if isinstance(decision, Retry) and circuit.is_open else decision


def _store_works(error: Exception) -> bool | None:
    return error.is_about_object if isinstance(error, FetchError) else None  # a 404 is an answer, too


def _decoder_works(error: Exception) -> bool | None:
    if isinstance(error, DecoderBrokenError):
        return False
    return True if isinstance(error, RejectedImage) else None


def _classifier_works(error: Exception) -> bool | None:
    decision = decide(error)
    return not (isinstance(decision, Retry) and decision.reason == "failed")
