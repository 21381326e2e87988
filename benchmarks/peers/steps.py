"""
What every peer does with a notification, written as the users of boto3, torchvision and torch write it.

Read the object with boto3 ("Client" objects of boto3 may be shared by threads), open it with Pillow, bring it to the
model's size with torchvision's transforms, run the TorchScript file. How these steps meet Kafka is each peer's own.
"""

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import boto3
import numpy as np
import torch
from botocore.config import Config
from PIL import Image
from torchvision import transforms

BOOTSTRAP_SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
UPLOADS_TOPIC = os.environ["PEER_UPLOADS_TOPIC"]
RESULTS_TOPIC = os.environ["PEER_RESULTS_TOPIC"]
GROUP_ID = os.environ["PEER_GROUP_ID"]
BATCH = int(os.environ.get("PEER_BATCH", "1"))
CONNECTIONS = 32

if "PEER_TORCH_THREADS" in os.environ:
    torch.set_num_threads(int(os.environ["PEER_TORCH_THREADS"]))


def uploads(notification: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Bucket and key of each object that an S3 notification names; S3 form-encodes the key."""
    for record in notification["Records"]:
        yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


class Store:
    """The object store, by endpoint and credentials of the environment."""

    def __init__(self) -> None:
        self._s3 = boto3.client(
            "s3",
            endpoint_url=os.environ.get("S3_ENDPOINT_URL"),
            config=Config(max_pool_connections=CONNECTIONS),
        )

    def fetch(self, bucket: str, key: str) -> bytes:
        """The object's bytes."""
        return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@dataclass(frozen=True, slots=True)
class Answer:
    """cat, dog or neither, and its probability."""

    classification: str
    confidence: float


class Model:
    """The TorchScript file and the preprocessing that its manifest asks for."""

    def __init__(self) -> None:
        extra = {"manifest.json": ""}
        self._module = torch.jit.load(os.environ["MODEL_FILE"], map_location="cpu", _extra_files=extra).eval()
        manifest = json.loads(extra["manifest.json"])
        self._labels = [manifest["classes"][label] for label in manifest["labels"]]
        self._prepare = transforms.Compose(
            [
                transforms.Resize(manifest["input"]["resize"], transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(manifest["input"]["size"]),
            ]
        )

    def decode(self, data: bytes) -> torch.Tensor:
        """uint8, shape (size, size, 3)."""
        return torch.from_numpy(np.array(self._prepare(Image.open(io.BytesIO(data)).convert("RGB"))))

    def classify(self, pixels: torch.Tensor) -> list[Answer]:
        """One answer for each picture of uint8, shape (N, size, size, 3), in order."""
        with torch.inference_mode():
            confidences, columns = self._module(pixels).max(dim=1)
        return [
            Answer(self._labels[column], confidence)
            for confidence, column in zip(confidences.tolist(), columns.tolist(), strict=True)
        ]


def result(bucket: str, key: str, answer: Answer) -> dict[str, Any]:
    """What goes onto the results topic."""
    return {"bucket": bucket, "key": key, "classification": answer.classification, "confidence": answer.confidence}
