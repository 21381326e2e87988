import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.manifest import Cascade
from inference.model.architecture import normalised
from inference.model.network import CascadeNet, CatDogNet, Resize, normalise_lite


def pictures(side: int, count: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize(("source", "target"), [(260, 224), (16, 12), (12, 16), (7, 7), (5, 1)])
def test_resizing_is_torchs_bilinear_interpolation(source: int, target: int) -> None:
    pixels = normalised(pictures(source, 1))
    expected = functional.interpolate(pixels, (target, target), mode="bilinear", align_corners=False, antialias=False)
    assert torch.allclose(Resize(source, target)(pixels), expected, atol=5e-5), "torch rounds the positions to float32"


def test_normalising_is_that_of_the_training() -> None:
    assert torch.equal(normalise_lite()(pictures(8)), normalised(pictures(8)))


class Fixed(nn.Module):
    """The first pixels of a picture are its scores, in the order that is given."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0, : len(self.order), 0].float()[:, list(self.order)] / 100


SURE, UNSURE = [85, 10, 5], [70, 20, 10]
SHOWN = torch.tensor([SURE, UNSURE], dtype=torch.uint8)[:, None, :, None].expand(2, 3, 3, 3)


@pytest.mark.parametrize(
    ("rule", "second"), [("large", [0.1, 0.2, 0.7]), ("mean", [(0.7 + 0.1) / 2, 0.2, (0.1 + 0.7) / 2])]
)
def test_the_large_network_is_heard_where_the_small_one_is_unsure(rule: str, second: list[float]) -> None:
    cascade = Cascade(defer_below=0.8, rule=rule)  # type: ignore[arg-type] # a literal, of two
    answer = CascadeNet(Fixed(0, 1, 2), Fixed(2, 1, 0), cascade)(SHOWN)
    assert torch.allclose(answer, torch.tensor([[0.85, 0.1, 0.05], second]))


def test_a_network_of_another_size_gets_the_resized_picture() -> None:
    class Mean(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            assert pixels.shape[-2:] == (12, 12)
            return pixels.mean((2, 3))

    net = CatDogNet(normalise_lite(), Mean(), nn.Softmax(1), side=16, own_side=12)
    assert net(pictures(16)).shape == (3, 3)
