"""
LitServe, the model server of the pair; `litserve_app` is the consumer before it.

After its documentation: "Speed up serving by 200x" (decode_request opens a base64 picture, max_batch_size,
batch_timeout, workers_per_device) and "Batching" (predict is given the stack of what decode_request made, so PEER_BATCH
is 2 at least).
"""

import base64
import os

import litserve
import torch

from benchmarks.peers import steps


class ClassifierAPI(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002 - the library's signature; the model stays on the CPU
        self.model = steps.Model()

    def decode_request(self, request: dict[str, str]) -> torch.Tensor:
        return self.model.decode(base64.b64decode(request["image_data"]))

    def predict(self, x: torch.Tensor) -> list[steps.Answer]:
        return self.model.classify(x)

    def encode_response(self, output: steps.Answer) -> dict[str, str | float]:
        return {"classification": output.classification, "confidence": output.confidence}


if __name__ == "__main__":
    api = ClassifierAPI(max_batch_size=steps.BATCH, batch_timeout=0.02)
    workers = int(os.environ.get("PEER_SERVER_WORKERS", "1"))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(
        host="127.0.0.1", port=int(os.environ["PEER_SERVER_PORT"]), generate_client_file=False, log_level="warning"
    )
