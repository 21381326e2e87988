"""
Bytes to predictions. Knows pictures and models, but no Kafka, no S3 and no environment.

    pool = await DecodePool(workers, classifier.manifest.input, Limits()).start()
    pixels = await pool.decode(data)          # or RejectedImage, with its reason
    [prediction] = classifier.predict([pixels])   # classifier = load(path)

Names are imported on first use, so that decoding does not load torch, and reading a manifest does not load Pillow.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.classifier import Classifier as Classifier
    from inference.classifier import load as load
    from inference.decode import Limits as Limits
    from inference.decode.pool import DecodePool as DecodePool
    from inference.errors import DecodersUnavailable as DecodersUnavailable
    from inference.errors import EngineFailure as EngineFailure
    from inference.errors import InferenceError as InferenceError
    from inference.errors import ModelUnusable as ModelUnusable
    from inference.errors import RejectedImage as RejectedImage
    from inference.manifest import InputSpec as InputSpec
    from inference.manifest import Manifest as Manifest
    from inference.prediction import Prediction as Prediction
    from inference.prediction import Scores as Scores

# `import openvino` sends telemetry, unless the user has opted out in a file of the home folder. If its telemetry
# package cannot be imported, it uses a stub.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None: what the import system cannot find

_HOME = {
    "Classifier": "classifier",
    "DecodePool": "decode.pool",
    "DecodersUnavailable": "errors",
    "EngineFailure": "errors",
    "InferenceError": "errors",
    "InputSpec": "manifest",
    "Limits": "decode",
    "Manifest": "manifest",
    "ModelUnusable": "errors",
    "Prediction": "prediction",
    "RejectedImage": "errors",
    "Scores": "prediction",
    "load": "classifier",
}
# Not ``decode``: the package of that name would shadow the function as soon as anybody imports it.
__all__ = sorted(_HOME)  # noqa: PLE0605 - computed from the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
