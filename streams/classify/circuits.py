"""The circuits of the classifier: what opens each of them, and what closes it."""

from inference.errors import RejectedImage
from streams.classify.circuit import Circuit
from streams.classify.failures import DecoderBrokenError, Retry, judge
from streams.classify.verdicts import FetchError
from streams.runtime.outages import Outages


class Circuits:
    """
    ``store`` opens when no object can be read. ``decoder`` opens when it refuses a picture that is known to be good.
    ``classifier`` opens when work on every message ends in an exception that nobody foresaw.
    """

    def __init__(self, outages: Outages) -> None:
        self.store = Circuit("object_store", outages, works=_store_works)
        self.decoder = Circuit("inference", outages, works=_decoder_works, different=1, seconds=0)
        self.classifier = Circuit("classifier", outages, works=_classifier_works)

    def explain(self, error: Exception) -> bool:
        """
        Whether a part that works for nobody explains how an attempt ended: then that says nothing of the object.

        What another part is in makes no difference. A missing object that waited for a mended decoder, or for a topic
        that takes results, would be asked for all that time, and as the probe of a circuit would keep that open.
        """
        return (self.store if isinstance(error, FetchError) else self.decoder).is_open


def _store_works(error: Exception) -> bool | None:
    return error.is_about_object if isinstance(error, FetchError) else None  # also a 404 is an answer


def _decoder_works(error: Exception) -> bool | None:
    if isinstance(error, DecoderBrokenError):
        return False
    return True if isinstance(error, RejectedImage) else None


def _classifier_works(error: Exception) -> bool | None:
    verdict = judge(error)
    return not (isinstance(verdict, Retry) and verdict.reason == "failed")
