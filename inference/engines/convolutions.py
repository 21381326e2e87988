"""What a traced graph has written into it about its convolutions, and what wins over the process's switches."""

import warnings
from typing import Any, Final

import torch

_CONVOLUTION: Final = "aten::_convolution"
_ALLOW_TF32: Final = 12  # its position in the schema, aten/src/ATen/native/native_functions.yaml


def without_tf32(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """
    The module, frozen, with its convolutions in the precision of their numbers.

    Tracing writes down whether cuDNN may round float32 to TF32's 10 bits, as many as half precision has; it may by
    default, and then scores are off by 5e-3 instead of 5e-6 (benchmarks/MODEL.md).

    Args:
        module: freshly loaded, in evaluation mode: torch keeps the plan of a first run for good.
    """
    alone = frozen(module)
    graph: Any = alone.graph
    for node in graph.findAllNodes(_CONVOLUTION):
        with graph.insert_point_guard(node):
            node.replaceInput(_ALLOW_TF32, graph.insertConstant(False))  # noqa: FBT003 - not ours
    return alone


def frozen(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """With its weights and its submodules' code in one graph; itself, if it is so already."""
    if not any(True for own in (module.children(), module.parameters(), module.buffers()) for _ in own):
        return module
    with warnings.catch_warnings():
        # TorchScript is the artefact's format by decision; torch announces its deprecation at every call.
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        alone: torch.jit.ScriptModule = torch.jit.freeze(module)
        return alone
