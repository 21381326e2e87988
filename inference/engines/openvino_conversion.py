"""
TorchScript → OpenVINO. Only this needs torch, whose import takes 500 MB and seconds; so it has a process of its own.

    python -m inference.engines.openvino_conversion SIDE < model.pt

answers with one line of JSON, {"xml": bytes of the description}, that description, and the weights; or ends with 1 and
says why, as JSON. A process that has loaded torch anyway, such as `petstream model export`, converts by itself.
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


def main(side: str) -> int:
    """See the module."""
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)  # what a library prints is no part of it
        try:
            model = convert(sys.stdin.buffer.read(), int(side))
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
            unreadable = isinstance(error, NotTorchScript)
            said = str(error) if unreadable else f"{type(error).__name__}: {error}"
            answer.write(json.dumps({"file": unreadable, "said": said}).encode())
            return 1
        # Here, not in the parent: it takes files, and they go although the parent may be killed meanwhile.
        xml, weights = openvino_network.written(model)
        answer.write(json.dumps({"xml": len(xml)}).encode() + b"\n")
        answer.write(xml)
        answer.write(weights)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
