"""Writes a network as a TorchScript archive that says only what it is: the same bytes, whoever built it."""

import io
import re
import warnings
import zipfile
from collections.abc import Mapping

import torch
from torch import nn

# The process's count of compiled classes, which TorchScript puts into the class's module name.
_COUNTER = re.compile(rb"[./]___torch_mangle_\d+")


def archive(network: nn.Module, size: int, extra_files: Mapping[str, bytes]) -> bytes:
    """``network``, in evaluation mode, traced at uint8 (2, size, size, 3) and frozen, as the bytes of an archive."""
    with warnings.catch_warnings():
        # TorchScript is the artefact's format by decision; torch announces its deprecation at every call.
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        with torch.inference_mode():
            traced = torch.jit.trace(network, torch.zeros(2, size, size, 3, dtype=torch.uint8), check_trace=False)  # type: ignore[no-untyped-call] # torch.jit is partly typed
        frozen = torch.jit.freeze(traced)
        buffer = io.BytesIO()  # not a file: torch writes the file's name into the archive
        torch.jit.save(frozen, buffer, _extra_files=dict(extra_files))
    return _canonical(buffer.getvalue())


def _canonical(archived: bytes) -> bytes:
    """
    The same module without the traces of the process that saved it.

    Left out: the source positions (paths of that machine) and the identifier derived from them, neither of which is
    needed to load. Renamed: the one class, whose name carries a process-wide counter. Records stay uncompressed, as
    the loader demands, and undated.
    """
    cleaned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archived)) as source, zipfile.ZipFile(cleaned, "w", zipfile.ZIP_STORED) as target:
        for record in source.infolist():
            if record.filename.endswith((".debug_pkl", "/serialization_id")):
                continue
            content = source.read(record)
            if record.filename.endswith((".py", "/data.pkl")):
                content = _COUNTER.sub(b"", content)
            name = _COUNTER.sub(b"", record.filename.encode()).decode()
            target.writestr(zipfile.ZipInfo(name), content)
    return cleaned.getvalue()
