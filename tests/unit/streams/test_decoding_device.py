from typing import Any

import pytest

from inference.errors import ModelUnusable
from streams.app.classifier import _decoding_device
from streams.settings import ClassifySettings, load


def settings(**given: Any) -> ClassifySettings:
    return load(ClassifySettings, kafka_bootstrap_servers="localhost:9092", model_uri="model.pt", **given)


def test_decoding_stays_on_the_processor_unless_it_is_asked_for() -> None:
    assert _decoding_device(settings()) == {}


def test_decoding_on_the_gpu_uses_the_card_that_the_worker_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: None)
    assert _decoding_device(settings(decode_device="cuda", cuda_visible_devices="GPU-1")) == {
        "decoder": "inference.decode_cuda:decode",
        "environment": {"CUDA_VISIBLE_DEVICES": "GPU-1"},
    }


def test_decoding_on_a_gpu_that_is_not_there_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: "There is none. Or set ENGINE=auto.")
    with pytest.raises(ModelUnusable, match=r"cannot be\. There is none\. Or set DECODE_DEVICE=cpu"):
        _decoding_device(settings(decode_device="cuda"))
