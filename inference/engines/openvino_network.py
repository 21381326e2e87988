"""OpenVINO's file format as bytes: the output of the conversion, and the network in an int8 file."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import openvino


def read(xml: bytes, weights: bytes | memoryview) -> Any:
    """
    The network of a description and weights. The weights are not copied.

    Raises:
        RuntimeError: OpenVINO cannot read it.
    """
    return openvino.Core().read_model(xml, openvino.Tensor(np.frombuffer(weights, np.uint8)))


def written(network: Any) -> tuple[bytes, bytes]:
    """Description and weights of a network. Uses a temporary folder, since OpenVINO only writes files."""
    with TemporaryDirectory(prefix="petstream-model-") as folder:
        xml, weights = Path(folder) / "model.xml", Path(folder) / "model.bin"
        openvino.serialize(network, xml, weights)
        return xml.read_bytes(), weights.read_bytes()
