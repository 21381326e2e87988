"""
Computes a network's convolutions in int8, from ranges that were measured on pictures. Needs OpenVINO only.

Which: all but the first, and not those in groups. On the processors measured, OpenVINO is no faster for depthwise
convolutions and residual sums in int8, while their rounding doubles the difference to float (benchmarks/MODEL.md).
Weights have one scale per filter, activations one range per layer. The plugin of OpenVINO recognises this form:
https://docs.openvino.ai, "Low Precision Transformations".
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Self

import msgspec
import numpy as np
import openvino
from msgspec import Meta
from numpy.typing import NDArray
from openvino import opset15 as ops

from inference.errors import ModelUnusable

_LEVELS: Final = 256  # of unsigned 8-bit activations
_LARGEST: Final = 63  # of 127: without VNNI, two products of full weights and activations overflow 16 bits


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """The values that enter one convolution: mean over pictures of the smallest and of the largest."""

    channels: Annotated[int, Meta(ge=1)]
    """Of the input; checks that the range belongs to this layer."""
    low: float
    high: float


class Ranges(msgspec.Struct, frozen=True, kw_only=True):
    """The ranges of a network's convolutions in their order, and what they were measured on; a file ``….int8.json``."""

    ranges: tuple[Range, ...]
    weights_sha256: str
    pictures: int

    @classmethod
    def from_json(cls, document: bytes) -> Self:
        """Raises msgspec.ValidationError if the document breaks a rule of this class."""
        return msgspec.json.decode(document, type=cls)

    def to_json(self) -> bytes:
        """The document, the same bytes for the same ranges."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2) + b"\n"


def measured(
    network: openvino.Model,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Range, ...]:
    """
    The ranges of a network's convolutions on pictures, each uint8 (S, S, 3).

    The mean over pictures is less sensitive to one unusual picture than the extremes; larger values are clipped.

    Raises:
        ModelUnusable: the network has nothing to quantize.
    """
    copy = network.clone()
    convolutions = _convolutions(copy)
    inputs = [each.input_value(0) for each in convolutions]
    copy.add_outputs(inputs)
    precision = {"INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(copy, "CPU", precision).create_infer_request()
    extremes = np.zeros((2, len(inputs)))
    for number, picture in enumerate(pictures):
        request.set_input_tensor(0, openvino.Tensor(picture[np.newaxis]))
        request.infer()
        seen = [request.get_output_tensor(1 + at).data for at in range(len(inputs))]
        extremes += [[each.min() for each in seen], [each.max() for each in seen]]
        progress(number + 1, len(pictures))
    means = extremes / len(pictures)
    return tuple(
        Range(channels=each.shape[1], low=float(low), high=float(high))
        for each, low, high in zip(inputs, *means, strict=True)
    )


def quantized(network: openvino.Model, ranges: Sequence[Range]) -> openvino.Model:
    """
    A copy of ``network`` that computes in int8.

    Raises:
        ModelUnusable: the network has nothing to quantize, or the ranges are those of another network.
    """
    copy = network.clone()
    convolutions = _convolutions(copy)
    if [each.channels for each in ranges] != [each.input_value(0).shape[1] for each in convolutions]:
        raise ModelUnusable("The ranges were measured on another network. Measure them with `petstream model ranges`.")
    rounded: dict[tuple[str, int], openvino.Node] = {}  # one layer's output may enter several convolutions
    for convolution, values in zip(convolutions, ranges, strict=True):
        source = convolution.input_value(0)
        key = (source.get_node().get_friendly_name(), source.get_index())
        if key not in rounded:
            low, high = _with_exact_zero(min(values.low, 0.0), max(values.high, 0.0))
            rounded[key] = ops.fake_quantize(source, low, high, low, high, _LEVELS)
        convolution.input(0).replace_source_output(rounded[key].output(0))
        convolution.input(1).replace_source_output(_weights(convolution))
    copy.validate_nodes_and_infer_types()
    return copy


def _convolutions(network: openvino.Model) -> list[Any]:
    found = [each for each in network.get_ordered_ops() if each.get_type_name() == "Convolution"]
    others = [each for each in found[1:] if each.input_value(1).get_node().get_type_name() == "Constant"]
    if not others:
        raise ModelUnusable("The network has no convolutions to quantize: int8 would bring nothing. Keep the file.")
    return others


def _with_exact_zero(low: float, high: float) -> tuple[np.float32, np.float32]:
    """The range moved so that 0, which padding adds, is one of its levels."""
    step = max(high - low, 1e-6) / (_LEVELS - 1)
    zero = round(-low / step)
    return np.float32(-zero * step), np.float32((_LEVELS - 1 - zero) * step)


def _weights(convolution: Any) -> openvino.Output:
    """The weights in int8 with one scale per filter, as the operations that give them back in float32."""
    weights = convolution.input_value(1).get_node().get_data().astype(np.float32)
    largest = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    scales = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    integers = ops.constant(np.round(weights / scales).astype(np.int8))
    return ops.multiply(ops.convert(integers, np.float32), scales).output(0)
