"""OpenVINO's file format as bytes: the output of the conversion, and the network in a model file."""

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


def name_operations(network: Any, name: str) -> None:
    """Replace names that have a process-wide counter, so that the same inputs give the same bytes."""
    network.set_friendly_name(name)
    for number, operation in enumerate(network.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
        for output in operation.outputs():
            if any(given.startswith(("Parameter_", "Result_")) for given in output.get_names()):
                output.set_names({f"{operation.get_type_name()}_{number}"})
        if operation.get_type_name() == "If":
            for body in range(2):
                name_operations(operation.get_function(body), f"{name}_{body}")
