import functools
import io

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.layers.conv2d_same import Conv2dSame

from inference.model.architecture import backbone, normalised, timm_name, weights_path
from inference.model.recipe import ARCHITECTURES, SOURCES, Arch

TABBY_TO_EGYPTIAN = range(281, 286)


def blocks_of(model: torch.nn.Module) -> tuple[str, ...]:
    stages = model.get_submodule("blocks").children()
    return tuple(f"blocks.{s}.{i}" for s, stage in enumerate(stages) for i, _ in enumerate(stage.children()))


@functools.cache
def dynamic(arch: Arch) -> torch.nn.Module:
    """The architecture as timm has it, without the published weights."""
    model: torch.nn.Module = timm.create_model(SOURCES[arch].timm_model, pretrained=False).eval()
    return model


@functools.cache
def fixed(arch: Arch) -> torch.nn.Module:
    return backbone(arch)


@functools.cache
def published(arch: Arch) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(weights_path(arch), map_location="cpu", weights_only=True)
    return weights


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_weight_maps_to_one_layer_and_none_is_left_over(arch: Arch) -> None:
    names = [timm_name(key, blocks_of(dynamic(arch))) for key in published(arch)]
    assert len(set(names)) == len(names)
    assert set(names) == set(dynamic(arch).state_dict())


@pytest.mark.parametrize("key", ["_unknown.weight", "_blocks.3._unknown.weight", "_blocks.0._expand_conv.weight"])
def test_an_unknown_layer_is_an_error(key: str) -> None:
    with pytest.raises(KeyError):
        timm_name(key, ("blocks.0.0", "blocks.1.0", "blocks.1.1", "blocks.2.0"))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_constant_padding_changes_no_answer(arch: Arch) -> None:
    theirs = {timm_name(key, blocks_of(dynamic(arch))): value for key, value in published(arch).items()}
    dynamic(arch).load_state_dict(theirs)
    assert not any(isinstance(module, Conv2dSame) for module in fixed(arch).modules())
    side = SOURCES[arch].input.size
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8))
    with torch.inference_mode():
        assert torch.equal(fixed(arch)(normalised(images)), dynamic(arch)(normalised(images)))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_photograph_of_a_cat_is_a_cat_to_imagenet(arch: Arch, cat: bytes) -> None:
    side = SOURCES[arch].input.size
    image = np.asarray(Image.open(io.BytesIO(cat)).convert("RGB").resize((side, side))).copy()
    with torch.inference_mode():
        best = fixed(arch)(normalised(torch.from_numpy(image)[None])).topk(3).indices[0].tolist()
    assert set(best) <= set(TABBY_TO_EGYPTIAN)


def test_the_range_of_a_byte_becomes_about_minus_one_to_one() -> None:
    images = torch.tensor([0, 127, 255], dtype=torch.uint8).expand(1, 1, 1, 3)
    assert normalised(images).flatten().tolist() == [-127 / 128, 0.0, 1.0]
    assert normalised(torch.zeros(2, 5, 7, 3, dtype=torch.uint8)).shape == (2, 3, 5, 7)
