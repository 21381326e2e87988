"""
Converts TorchScript to OpenVINO, in a subprocess: only this needs torch, whose import takes 500 MB and seconds.

    python -m inference.engines.openvino_conversion SIDE < model.pt

It writes one line of JSON, {"xml": size of the description in bytes}, then the description and the weights. On failure
it exits with 1 and writes the error as JSON. A process that has imported torch, such as `petstream model export`,
converts in-process.
"""

import json
import os
import subprocess
import sys
from typing import Any, Final

import openvino

from inference import subprocesses
from inference.engines import openvino_network
from inference.errors import NotTorchScript

_SECONDS: Final = 600.0  # it takes 5; the limit lets a hanging worker be restarted


def converted(content: bytes, side: int) -> Any:
    """
    A model file's bytes as an OpenVINO model of the shape (1, S, S, 3), with its weights in memory.

    Args:
        content: the TorchScript file's bytes.
        side: S, the side of its pictures, in pixels.

    Raises:
        NotTorchScript: torch cannot read it.
        RuntimeError: OpenVINO cannot convert it, or the subprocess failed.
    """
    if torch_is_loaded():
        return convert(content, side)
    done = subprocess.run(
        subprocesses.command(__name__, str(side)),
        env=subprocesses.search_path(),
        input=content,
        capture_output=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise _failure(done)
    head, _, rest = done.stdout.partition(b"\n")
    size = json.loads(head)["xml"]
    return openvino_network.read(rest[:size], memoryview(rest)[size:])


def torch_is_loaded() -> bool:
    """Whether torch is imported in this process."""
    return "torch" in sys.modules


def convert(content: bytes, side: int) -> Any:
    """As ``converted``, in this process. ``openvino.convert_model`` is not used, since it sends telemetry."""
    import torch  # noqa: PLC0415 - see above
    from openvino.frontend import FrontEndManager  # noqa: PLC0415 - imports torch
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415 - imports torch

    from inference.engines import module  # noqa: PLC0415 - imports torch

    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    frontend = FrontEndManager().load_by_framework("pytorch")
    # The variable keeps the decoder alive: the front end has no reference. Weights are copied, so that torch's are
    # freed.
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
    except ValueError:  # it was killed, or did not start
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no error output"]
        return RuntimeError(f"the conversion process ended with {done.returncode}: {last[0][:300]}")
    return NotTorchScript(answer["error"]) if answer["is_unreadable"] else RuntimeError(answer["error"])


def main(side: str) -> int:
    """Convert standard input to standard output; see the module."""
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)  # libraries' output goes to stderr
        try:
            model = convert(sys.stdin.buffer.read(), int(side))
        except Exception as error:  # noqa: BLE001 - the parent raises it
            is_unreadable = isinstance(error, NotTorchScript)
            message = str(error) if is_unreadable else f"{type(error).__name__}: {error}"
            answer.write(json.dumps({"is_unreadable": is_unreadable, "error": message}).encode())
            return 1
        # In this process: it uses temporary files, which are removed even if the parent is killed.
        xml, weights = openvino_network.written(model)
        answer.write(json.dumps({"xml": len(xml)}).encode() + b"\n")
        answer.write(xml)
        answer.write(weights)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
