import numpy as np
import torch

from inference.lab.probe import linear_probe


def test_the_probe_finds_the_classes_and_folds_its_scale_in() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 3
    centres = torch.tensor([[5.0, 0, 100, 7], [0, 5, 100, 7], [0, 0, -100, 7]])
    features = centres[labels] + torch.randn(300, 4, generator=generator) * torch.tensor([1.0, 1, 50, 0])
    weight, bias = linear_probe(features, labels, np.full(300, 1 / 300))
    found = (features.double() @ weight.T + bias).argmax(1)
    assert (found == labels).double().mean() > 0.97
    assert weight.isfinite().all(), "the last feature is constant"


def test_a_picture_counts_as_often_as_it_is_drawn() -> None:
    features, labels = torch.zeros(4, 1), torch.tensor([0, 1, 2, 2])
    _, bias = linear_probe(features, labels, np.array([0.5, 0.25, 0.125, 0.125]))
    assert torch.allclose(bias.softmax(0), torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64), atol=1e-3)
