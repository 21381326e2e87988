from pathlib import Path
from typing import Any

import pytest
import torch  # noqa: F401 - its import asks ldconfig, in a process, which the tests of a unit may not start

from inference.decode.device.pool import DeviceDecodePool
from inference.decode.pool import DecodePool
from inference.errors import ModelUnusable
from inference.manifest import InputSpec, Thresholds
from streams.classify.opening import make_decoder, make_patient_decoder, open_model
from streams.runtime.settings import ClassifySettings, InvalidSettingsError, load
from tests import tiny_model

SPEC = InputSpec(size=64, resize=68)


def settings(**given: Any) -> ClassifySettings:
    return load(ClassifySettings, kafka_bootstrap_servers="localhost:9092", model_uri="model.pt", **given)


def test_decoding_stays_on_the_processor_unless_it_is_asked_for() -> None:
    assert isinstance(make_decoder(settings(), SPEC), DecodePool)


def test_decoding_on_the_gpu_uses_the_card_that_the_worker_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: None)
    decoder = make_decoder(settings(decode_device="cuda", cuda_visible_devices="GPU-1"), SPEC)
    assert isinstance(decoder, DeviceDecodePool)
    assert decoder._environment == {"CUDA_VISIBLE_DEVICES": "GPU-1"}


def test_decoding_on_a_gpu_that_is_not_there_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: "There is none. Or set ENGINE=auto.")
    with pytest.raises(ModelUnusable, match=r"cannot be\. There is none\. Or set DECODE_DEVICE=cpu"):
        make_decoder(settings(decode_device="cuda"), SPEC)


def test_a_patient_attempt_is_made_once_in_a_process_that_has_seen_no_other() -> None:
    """Twice would take as long as the watchdog waits for any progress."""
    assert make_patient_decoder(settings(), SPEC)._fresh_for_each


def test_the_operators_threshold_decides_for_the_model_and_its_shadow(tmp_path: Path) -> None:
    given = settings(accept_at=0.9, engine="torchscript", engine_threads=1)
    path = str(tiny_model.write(tmp_path / "model.pt"))
    [served, shadow] = [open_model(given, path, sha256) for sha256 in (None, None)]
    assert (served.thresholds, shadow.thresholds) == (Thresholds(accept=0.9, compared="label"),) * 2
    own = open_model(settings(engine="torchscript", engine_threads=1), path, None)
    assert own.thresholds == own.manifest.thresholds


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "90 %"])
def test_a_threshold_that_is_no_probability_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEPT_AT", value)
    with pytest.raises(InvalidSettingsError, match="ACCEPT_AT"):
        settings()
