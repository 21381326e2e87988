"""Tracing writes into a graph that cuDNN may round; the engine takes that back."""

import io
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inference.engines import convolutions
from inference.engines.cuda import CudaEngine
from inference.engines.cuda_options import Options


class Pixels(nn.Module):
    """What comes before the first layer."""

    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2).float() / 255


def made(*, frozen: bool) -> Any:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(4, 2, 1), nn.Flatten())).eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        traced = torch.jit.trace(network, torch.zeros(1, 3, 8, 8))  # type: ignore[no-untyped-call]
        return loaded(torch.jit.freeze(traced) if frozen else traced)


def loaded(module: Any) -> Any:
    """As from a file: it has not run yet."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        torch.jit.save(module, buffer)
        buffer.seek(0)
        return torch.jit.load(buffer).eval()  # type: ignore[no-untyped-call]


def may_round(module: Any) -> list[bool]:
    graph = module.graph  # its nodes live as long as it does
    return [node.inputsAt(12).toIValue() for node in graph.findAllNodes("aten::_convolution")]


@pytest.mark.parametrize("frozen", [True, False])
def test_no_convolution_of_a_traced_module_may_be_rounded(*, frozen: bool) -> None:
    torch.manual_seed(0)
    module = made(frozen=frozen)
    torch.manual_seed(0)
    same = made(frozen=frozen)
    image = torch.rand(2, 3, 8, 8)
    assert may_round(convolutions.frozen(same)) == [True] * 2, "what tracing writes"
    module = convolutions.without_tf32(module)
    assert may_round(module) == [False] * 2
    assert torch.equal(module(image), same(image))


def test_the_engine_computes_with_such_a_module() -> None:
    network = nn.Sequential(Pixels(), nn.Conv2d(3, 2, 8), nn.Flatten(), nn.Softmax(1)).eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        traced = torch.jit.trace(network, torch.zeros(1, 8, 8, 3, dtype=torch.uint8))  # type: ignore[no-untyped-call]
    engine = CudaEngine(loaded(traced), 8, max_batch_size=1, options=Options("float32"), device="cpu")
    assert may_round(engine._forward) == [False]
    engine.close()
