"""Loads a TorchScript module from bytes."""

import io
import warnings

import torch

from inference.errors import NotTorchScript


def load(content: bytes, device: str) -> torch.jit.ScriptModule:
    """
    The module of a model file, in evaluation mode, on a device of torch.

    Raises:
        NotTorchScript: torch cannot read it; the message is torch's.
    """
    try:
        with warnings.catch_warnings():
            # TorchScript is the artefact's format by decision; torch announces its deprecation at every call.
            warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
            module: torch.jit.ScriptModule = torch.jit.load(io.BytesIO(content), map_location=device)  # type: ignore[no-untyped-call] # torch.jit is partly typed
    except Exception as error:
        raise NotTorchScript(f"{type(error).__name__}: {error}") from error
    module.eval()
    return module
