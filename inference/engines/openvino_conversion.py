"""
TorchScript → OpenVINO. Only this needs torch, whose import takes 500 MB and seconds; so it has a process of its own.

    python -m inference.engines.openvino_conversion SIDE FOLDER < model.pt

writes model.xml and model.bin into FOLDER; or it ends with 1 and says why, as JSON. A process that has loaded torch
anyway, such as `petstream model export`, converts by itself.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import openvino

from inference import children
from inference.errors import NotTorchScript

_NAME: Final = "model.xml"
_SECONDS: Final = 600.0  # it takes 5; a stuck one must not keep a worker from being restarted


def converted(content: bytes, side: int) -> Any:
    """
    A model file's bytes as an OpenVINO model of the shape (1, S, S, 3), with its weights in memory.

    Args:
        content: of the TorchScript file.
        side: S, of its pictures, in pixels.

    Raises:
        NotTorchScript: if torch cannot read it.
        RuntimeError: if OpenVINO cannot take it, or the process ended otherwise.
    """
    if torch_is_loaded():
        return convert(content, side)
    with TemporaryDirectory(prefix="petstream-model-") as folder:
        done = subprocess.run(
            children.command(__name__, str(side), folder),
            env=children.search_path(),
            input=content,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
        if done.returncode != 0:
            raise _failure(done)
        core = openvino.Core()
        core.set_property({"ENABLE_MMAP": False})  # the file ends with this block
        return core.read_model(Path(folder) / _NAME)


def torch_is_loaded() -> bool:
    """Whether this process has paid for it already."""
    return "torch" in sys.modules


def convert(content: bytes, side: int) -> Any:
    """The same, in this process. By the front end, not by ``openvino.convert_model``: that one sends analytics, too."""
    import torch  # noqa: PLC0415 - see above
    from openvino.frontend import FrontEndManager  # noqa: PLC0415 - imports torch
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415 - imports torch

    from inference.engines import module  # noqa: PLC0415 - imports torch

    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    frontend = FrontEndManager().load_by_framework("pytorch")
    # Named, since it must outlive the conversion: the front end keeps no reference. Weights are copied, so that torch's
    # can be freed.
    decoder = TorchScriptPythonDecoder(module.load(content, "cpu"), example_input=example, shared_memory=False)
    model = frontend.convert(frontend.load(decoder))
    [parameter] = model.get_parameters()
    parameter.set_element_type(openvino.Type.u8)
    parameter.set_partial_shape(openvino.PartialShape(list(example.shape)))
    model.validate_nodes_and_infer_types()
    return model


def _failure(done: "subprocess.CompletedProcess[bytes]") -> Exception:
    try:
        answer = json.loads(done.stdout)
    except ValueError:  # it was killed, or could not begin
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        return RuntimeError(f"the converting process ended with {done.returncode}: {last[0][:300]}")
    return NotTorchScript(answer["said"]) if answer["file"] else RuntimeError(answer["said"])


def main(side: str, folder: str) -> int:
    """See the module."""
    try:
        model = convert(sys.stdin.buffer.read(), int(side))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
        unreadable = isinstance(error, NotTorchScript)
        said = str(error) if unreadable else f"{type(error).__name__}: {error}"
        json.dump({"file": unreadable, "said": said}, sys.stdout)
        return 1
    path = Path(folder) / _NAME
    openvino.serialize(model, path, path.with_suffix(".bin"))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
