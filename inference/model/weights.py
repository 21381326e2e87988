"""
Reads and writes trained weights as safetensors: tensors with names and nothing that runs. Needs the extra ``model``.

Matrices and kernels are stored in half precision, which halves the file. Vectors (biases, BatchNorm's parameters and
statistics) stay in float32: they are 1 % of the numbers, and the variance of a channel may exceed the range of float16.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from inference.errors import ModelUnusable
from inference.model.file import replace

_METADATA: Final = (
    "petstream"  # one key: safetensors writes several of them in random order, so in other bytes each time
)


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """
    Write ``tensors`` to ``path`` (replaced atomically). The same tensors and metadata give the same bytes.

    Args:
        path: the file; its folder must exist.
        tensors: by name, of any floating type. Counters (integer tensors, as ``num_batches_tracked``) are left out.
        metadata: values of JSON, for ``read_metadata``.

    Raises:
        ValueError: a number is not finite, or too large for half precision; names the tensor.
        OSError: the file cannot be written.
    """
    stored = {name: _stored(tensor) for name, tensor in tensors.items() if tensor.is_floating_point()}
    if broken := _not_finite(stored):
        raise ValueError(f"{broken} has numbers that are not finite, or beyond float16: these weights are not written")
    document = json.dumps(metadata, sort_keys=True, allow_nan=False)
    replace(path, safetensors.torch.save(stored, {_METADATA: document}))


def read(path: Path) -> dict[str, Tensor]:
    """
    The tensors of a file by name, float32, on the CPU.

    Raises:
        ModelUnusable: the file cannot be read, is not safetensors, or has numbers that are not finite.
    """
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    if broken := _not_finite(tensors):
        raise ModelUnusable(f"{path}: {broken} has numbers that are not finite. Train again, or take another file.")
    return {name: tensor.float() for name, tensor in tensors.items()}


def read_metadata(path: Path) -> dict[str, Any]:
    """
    What ``write`` was given as metadata, without reading the tensors; empty if another program wrote the file.

    Raises:
        ModelUnusable: the file cannot be read, or is not safetensors.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            document = (file.metadata() or {}).get(_METADATA, "{}")
            return msgspec.json.decode(document, type=dict[str, Any])
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error


def _stored(tensor: Tensor) -> Tensor:
    kind = torch.float16 if tensor.ndim > 1 else torch.float32
    return tensor.detach().to("cpu", kind, memory_format=torch.contiguous_format)


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)


def _unreadable(path: Path, error: Exception) -> ModelUnusable:
    missing = isinstance(error, FileNotFoundError)  # safetensors gives it no errno
    said = "no such file" if missing else error.strerror if isinstance(error, OSError) and error.strerror else error
    return ModelUnusable(
        f"{path} cannot be read as trained weights: {said}. Name a .safetensors file made by `petstream model train`."
    )
