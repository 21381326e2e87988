import msgspec
import numpy as np
import openvino
import pytest
import torch

from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import convert
from inference.errors import ModelUnusable
from inference.lab.int8 import Range, Ranges, measured, quantized
from inference.model.archive import archive
from tests.tiny_model import Colours, Convolutions
from tests.tiny_parts import PICTURES, SIDE


@pytest.fixture(scope="module")
def network() -> openvino.Model:
    return convert(archive(Convolutions().eval(), SIDE, {}), SIDE)


def of_type(network: openvino.Model, name: str) -> list[openvino.Node]:
    return [each for each in network.get_ordered_ops() if each.get_type_name() == name]


def test_ranges_are_means_over_pictures_of_what_enters_each_convolution(network: openvino.Model) -> None:
    [only] = measured(network, PICTURES)
    one, other = measured(network, PICTURES[:1]), measured(network, PICTURES[1:2])
    [both] = measured(network, PICTURES[:2])
    assert only.channels == 9
    assert 0 <= only.low < only.high <= 6, "after ReLU6"
    assert both.high == pytest.approx((one[0].high + other[0].high) / 2)


def test_it_computes_in_int8_what_the_network_computes(network: openvino.Model) -> None:
    changed = quantized(network, measured(network, PICTURES))
    engines = [OpenVinoEngine(network, 1), OpenVinoEngine(changed, 1, network="openvino-int8")]
    exact, rounded = (engine.run(PICTURES) for engine in engines)
    assert 0 < np.abs(exact - rounded).max() < 0.1
    [activation] = of_type(changed, "FakeQuantize")
    assert activation.get_attributes()["levels"] == 256
    [weights] = [each for each in of_type(changed, "Constant") if each.get_element_type() == openvino.Type.i8]
    assert np.abs(weights.get_data()).max() == 63, "so that two products fit into 16 bits"
    assert not of_type(network, "FakeQuantize"), "the network itself is left as it was"


def test_zero_is_a_level_of_a_range_with_both_signs(network: openvino.Model) -> None:
    changed = quantized(network, [Range(channels=9, low=-1.01, high=2.0)])
    [activation] = of_type(changed, "FakeQuantize")
    low, high = (float(activation.input_value(at).get_node().get_data()) for at in (1, 2))
    step = (high - low) / 255
    assert low / step == pytest.approx(round(low / step), abs=1e-3)
    assert low == pytest.approx(-1.01, abs=step)
    assert high == pytest.approx(2.0, abs=step)


@pytest.mark.parametrize("channels", [[8], [9, 9], []])
def test_ranges_of_another_network_are_refused(network: openvino.Model, channels: list[int]) -> None:
    with pytest.raises(ModelUnusable, match="another network"):
        quantized(network, [Range(channels=each, low=0, high=1) for each in channels])


def test_a_filter_without_weights_does_no_harm() -> None:
    module = Convolutions().eval()
    with torch.no_grad():
        module.get_parameter("logits.body.4.weight")[3] = 0
    network = convert(archive(module, SIDE, {}), SIDE)
    engine = OpenVinoEngine(quantized(network, measured(network, PICTURES)), 1, network="openvino-int8")
    assert np.isfinite(engine.run(PICTURES)).all()


def test_a_network_without_convolutions_has_nothing_to_gain() -> None:
    network = convert(archive(Colours().eval(), SIDE, {}), SIDE)
    with pytest.raises(ModelUnusable, match="no convolutions"):
        measured(network, PICTURES)


def test_a_file_of_ranges_reads_as_it_was_written() -> None:
    ranges = Ranges(ranges=(Range(channels=9, low=-0.5, high=2),), weights_sha256="ab", pictures=30)
    assert Ranges.from_json(ranges.to_json()) == ranges
    with pytest.raises(msgspec.ValidationError):
        Ranges.from_json(ranges.to_json().replace(b": 9", b": 0"))
