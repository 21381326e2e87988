"""OpenVINO's own format as bytes: what the converting process answers with, and what an int8 file carries."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import openvino


def read(xml: bytes, weights: bytes | memoryview) -> Any:
    """
    A network of its description and its weights, which stay where they are.

    Raises:
        RuntimeError: if OpenVINO cannot read it.
    """
    return openvino.Core().read_model(xml, openvino.Tensor(np.frombuffer(weights, np.uint8)))


def written(network: Any) -> tuple[bytes, bytes]:
    """Description and weights. Through a folder, since OpenVINO writes files alone; it goes whatever happens."""
    with TemporaryDirectory(prefix="petstream-model-") as folder:
        xml, weights = Path(folder) / "model.xml", Path(folder) / "model.bin"
        openvino.serialize(network, xml, weights)
        return xml.read_bytes(), weights.read_bytes()
