"""Overrides the convolution settings that tracing stored in a graph. They take precedence over torch's global flags."""

import warnings
from typing import Any, Final

import torch

_CONVOLUTION: Final = "aten::_convolution"
_ALLOW_TF32: Final = 12  # its position in the schema, aten/src/ATen/native/native_functions.yaml


def without_tf32(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """
    The frozen module, with TF32 disabled in its convolutions.

    Tracing stores whether cuDNN may round float32 to TF32, whose mantissa has 10 bits as in half precision. By default
    it may, and scores are then off by 5e-3 instead of 5e-6 (benchmarks/MODEL.md).

    Args:
        module: in evaluation mode and not run yet, since torch keeps the plan of the first run.
    """
    alone = frozen(module)
    graph: Any = alone.graph
    for node in graph.findAllNodes(_CONVOLUTION):
        with graph.insert_point_guard(node):
            node.replaceInput(_ALLOW_TF32, graph.insertConstant(False))  # noqa: FBT003 - not ours
    return alone


def frozen(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """The module with weights and submodules inlined into one graph; unchanged if it is frozen already."""
    if not any(True for own in (module.children(), module.parameters(), module.buffers()) for _ in own):
        return module
    with warnings.catch_warnings():
        # TorchScript is the artefact's format by decision; torch announces its deprecation at every call.
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        alone: torch.jit.ScriptModule = torch.jit.freeze(module)
        return alone
