import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inference.engines.half import NoHalfPrecision, halved

SIDE = 16


class Network(nn.Module):
    """A small convolutional classifier as people write them: normalisation, branches, pooling, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mean = nn.Buffer(torch.tensor([0.4, 0.5, 0.6]))
        self.scale = nn.Buffer(torch.full((8, 1, 1), 1.5))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU())
        self.branch = nn.Conv2d(8, 8, 3, padding=1)
        self.classifier = nn.Linear(16, 5)

    def forward(self, images: Tensor) -> Tensor:
        pixels = (images.float() / 255 - self.mean).permute(0, 3, 1, 2)
        stem = self.stem(pixels) * self.scale
        both = torch.cat([stem, self.branch(stem)], 1)
        scores: Tensor = self.classifier(both.mean((2, 3))).softmax(1)
        return scores


class FittedHead(nn.Module):
    """Logarithms of masses weighed after the softmax, as ours: what half precision would spoil."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.weigh = nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.weigh(torch.log(self.network(images) + 1e-6)).softmax(1)
        return scores


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        yield


def traced(network: nn.Module) -> Any:
    example = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    return torch.jit.freeze(torch.jit.trace(network.eval(), example, check_trace=False))  # type: ignore[no-untyped-call]


def pictures(count: int = 4) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8))


class Types(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[no-untyped-call] # torch leaves it untyped
    """Notes what each operator was given, and gave."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # as above
        self.seen: list[tuple[str, set[torch.dtype], torch.dtype]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            given = {each.dtype for each in args if isinstance(each, Tensor)}
            self.seen.append((func.__name__.split(".")[0], given, result.dtype))
        return result


@pytest.mark.parametrize("network", [Network, FittedHead])
def test_scores_are_the_same_to_two_digits_and_float32(network: type[nn.Module]) -> None:
    module = traced(network())
    images = pictures()
    expected, actual = module(images), halved(module)(images)
    assert actual.dtype == torch.float32
    assert float((expected - actual).abs().max()) < 1e-2
    assert not torch.equal(expected, actual), "it was computed otherwise"


def run(network: nn.Module) -> list[tuple[str, list[str], str]]:
    """What each operator of the network in half precision takes, and gives."""
    forward, images = halved(traced(network)), pictures()
    with Types() as types, torch.jit.optimized_execution(False):  # type: ignore[attr-defined] # noqa: FBT003 - torch's
        forward(images)
    return [(name, sorted(str(each)[6:] for each in given), str(result)[6:]) for name, given, result in types.seen]


def test_convolutions_run_in_half_and_what_follows_the_pooling_in_float32() -> None:
    operators = run(FittedHead())
    assert [given for name, given, _ in operators if "conv" in name] == [["float16"]] * 2
    assert [given for name, given, _ in operators if name == "linear"] == [["float32"]] * 2
    assert [given for name, given, _ in operators if name in {"softmax", "log"}] == [["float32"]] * 3
    assert [given for name, given, _ in operators if name in {"silu", "mul"}] == [["float16"]] * 2
    assert [given for name, given, _ in operators if name == "mean"] == [["float32"]]


def test_each_network_of_a_cascade_keeps_its_first_convolutions_in_float32() -> None:
    class Deep(nn.Module):
        def __init__(self, depth: int) -> None:
            super().__init__()
            torch.manual_seed(depth)
            self.layers = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(depth)))

        def forward(self, images: Tensor) -> Tensor:
            scores: Tensor = self.layers(images.permute(0, 3, 1, 2).float() / 255).mean((2, 3)).softmax(1)
            return scores

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.small, self.large = Deep(8), Deep(16)

        def forward(self, images: Tensor) -> Tensor:
            small, large = self.small(images), self.large(images)
            return torch.where(small.amax(1, keepdim=True) < 0.5, large, small)

    given = [types for name, types, _ in run(Two()) if "conv" in name]
    assert given == [["float32"]] + [["float16"]] * 7 + [["float32"]] + [["float16"]] * 15


def test_a_layer_among_what_is_half_is_half_too() -> None:
    flat = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(2 * SIDE * SIDE, 3), nn.Softmax(1))

    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = flat

        def forward(self, images: Tensor) -> Tensor:
            scores: Tensor = self.layers(images.permute(0, 3, 1, 2).float() / 255)
            return scores

    assert [given for name, given, _ in run(Flat()) if name == "linear"] == [["float16"]]


def test_pixels_are_normalised_before_anything_is_rounded() -> None:
    assert [result for name, _, result in run(Network()) if name in {"div", "sub"}] == ["float32"] * 2


def test_weights_are_cast_once_and_not_in_each_pass() -> None:
    forward: Any = halved(traced(Network()))
    casts = [node for node in forward.graph.nodes() if node.kind() == "aten::to"]
    assert all(node.inputsAt(0).node().kind() != "prim::Constant" for node in casts)
    constants = [node.t("value") for node in forward.graph.findAllNodes("prim::Constant") if _holds_tensor(node)]
    assert [each.dtype for each in constants if each.dim() == 4] == [torch.float16] * 2, "the convolutions' weights"


class Deep(nn.Module):
    """So many convolutions, one after the other."""

    def __init__(self, convolutions: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(convolutions)))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layers(images.permute(0, 3, 1, 2).float() / 255).mean((2, 3)).softmax(1)
        return scores


@pytest.mark.parametrize(("convolutions", "exact"), [(15, 0), (16, 1), (31, 1), (40, 2)])
def test_the_first_of_sixteen_convolutions_stay_exact(convolutions: int, exact: int) -> None:
    given = [given for name, given, _ in run(Deep(convolutions)) if "conv" in name]
    assert given == [["float32"]] * exact + [["float16"]] * (convolutions - exact)


def test_what_rounding_takes_from_one_weight_of_a_filter_another_gets() -> None:
    network, layer = Deep(1), nn.Conv2d(64, 8, 3)
    layer.weight.data.abs_()
    weights = layer.weight.detach().clone()
    network.layers[0] = layer
    example = torch.zeros(1, SIDE, SIDE, 64, dtype=torch.uint8)
    forward: Any = halved(torch.jit.freeze(torch.jit.trace(network.eval(), example, check_trace=False)))  # type: ignore[no-untyped-call]
    constants = [node.t("value") for node in forward.graph.findAllNodes("prim::Constant") if _holds_tensor(node)]
    (taken,) = [each for each in constants if each.dim() == 4]
    errors, nearest = (taken.double() - weights.double()), (weights.half().double() - weights.double())
    assert taken.dtype == torch.float16
    assert float(errors.abs().max()) <= 2 * float(nearest.abs().max()), "no weight moves by more than a step"
    assert float(errors.sum((1, 2, 3)).abs().max()) < 0.02 * float(nearest.sum((1, 2, 3)).abs().max())


def _holds_tensor(node: Any) -> bool:
    return bool(node.hasAttribute("value") and node.kindOf("value") == "t")


def test_the_module_itself_is_left_as_it_was() -> None:
    module, images = traced(Network()), pictures()
    before = module(images)
    halved(module)
    assert torch.equal(module(images), before)


def test_a_module_that_is_not_frozen_is_taken_too() -> None:
    example = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    module: Any = torch.jit.trace(Network().eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
    images = pictures()
    assert float((module(images) - halved(module)(images)).abs().max()) < 1e-2


def test_a_cast_that_the_module_makes_itself_is_kept() -> None:
    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3)
            self.linear = nn.Linear(4, 3)

        def forward(self, images: Tensor) -> Tensor:
            pooled = self.convolution(images.permute(0, 3, 1, 2).float()).mean((2, 3)).to(torch.float32)
            scores: Tensor = self.linear(pooled).softmax(1)
            return scores

    assert [given for name, given, _ in run(Careful()) if name == "linear"] == [["float32"]]


class Branching(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        pixels = images.float().mean((1, 2))
        if bool(pixels.sum() > 0):
            pixels = pixels * 2
        return pixels.softmax(1)


def test_a_module_that_branches_is_left_to_float32() -> None:
    with pytest.raises(NoHalfPrecision, match="trace it"):
        halved(torch.jit.freeze(torch.jit.script(Branching().eval())))


def test_weights_beyond_the_range_of_half_are_left_to_float32() -> None:
    network = Network()
    network.branch.weight.data.fill_(1e6)
    with pytest.raises(NoHalfPrecision, match="does not fit"):
        halved(traced(network))
