"""Folded BatchNorm gives what frozen BatchNorm gives, forward and backward."""

import copy

import timm
import torch
from torch import nn

from inference.lab.folding import fold
from tests.tiny_training import build


def _gradients(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    network.zero_grad()
    nn.functional.cross_entropy(network(images), torch.arange(len(images)) % 3).backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
    return {name: each.grad.clone() for name, each in network.named_parameters() if each.grad is not None}


def _equal(plain: nn.Module, images: torch.Tensor) -> nn.Module:
    """Fold a copy of ``plain`` and compare the two."""
    plain, images = plain.double(), images.double()  # float32 would add noise to the gradients
    folded = copy.deepcopy(plain)
    fold(folded, images[:1])
    assert torch.allclose(plain(images), folded(images))
    expected, actual = _gradients(plain, images), _gradients(folded, images)
    assert expected.keys() == actual.keys()
    for name, gradient in expected.items():
        assert torch.allclose(gradient, actual[name], rtol=1e-6, atol=1e-6 * float(gradient.abs().max())), name
    assert plain.state_dict().keys() == folded.state_dict().keys()
    return folded


def test_a_folded_network_has_the_same_outputs_gradients_and_names() -> None:
    torch.manual_seed(0)
    plain = build()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.5
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    folded = _equal(plain, torch.randn(4, 3, 32, 32))
    assert "convolved" in repr(folded.get_submodule("stem").forward), "the test compares two plain networks otherwise"


def test_batchnorm_with_an_activation_and_padding_by_tensorflow_s_rule_is_folded_too() -> None:
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    beginning = nn.Sequential(*map(network.get_submodule, ("conv_stem", "bn1", "blocks.0", "blocks.1.0")))
    folded = _equal(nn.Sequential(beginning, nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.randn(2, 3, 33, 33))
    norms = [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 6
    assert all("activated" in repr(norm.forward) for norm in norms)
