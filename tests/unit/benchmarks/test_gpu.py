import json
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from inference.prediction import Prediction, Scores
from tests import tiny_model

CAT = Prediction("cat", 0.9, Scores(0.9, 0.06, 0.04))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_model.write(tmp_path / "tiny.pt")


def test_one_call_measures_and_compares_every_engine(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.processor", lambda: "one")  # it asks a program
    report = tmp_path / "gpu.json"
    words = ["--model", str(tiny), "--device", "cpu", "--seconds", "0", "--batches", "1,4", "--limit", "3"]
    assert gpu.main([*words, "--json", str(report)]) == 0
    document = json.loads(report.read_bytes())
    assert document["pictures"] == 3
    assert [(row["engine"], row["batch"]) for row in document["rows"]] == [
        ("torchscript cpu", 1),
        ("openvino cpu", 1),
        *[("cuda cpu half", batch) for batch in (1, 4)] * 2,
        *[("cuda cpu float32", batch) for batch in (1, 4)],
    ]
    assert all(row["agrees"] and row["images_per_second"] > 0 for row in document["rows"])
    assert (document["machine"]["torch"], document["machine"]["cpu"]) == (torch.__version__, "one")


@pytest.mark.parametrize(
    ("other", "difference", "equal"),
    [
        (CAT, 0.0, True),
        (Prediction("cat", 0.88, Scores(0.88, 0.08, 0.04)), 0.02, True),
        (Prediction("neither", 0.52, Scores(0.4, 0.08, 0.52)), 0.5, False),
    ],
)
def test_agreement_is_in_scores_and_labels(other: Prediction, difference: float, *, equal: bool) -> None:
    largest, same = gpu.compared([CAT, CAT], [CAT, other])
    assert largest == pytest.approx(difference)
    assert same == equal


def test_an_engine_that_disagrees_fails_the_run(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "TOLERANCES", {"half": -1.0, "float32": 1e-3})
    words = ["--model", str(tiny), "--device", "cpu", "--seconds", "0", "--batches", "1", "--limit", "1"]
    assert gpu.main(words) == 1


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: "There is no device.")
    assert gpu.main([]) == 2
    assert "needs a GPU. There is no device." in capsys.readouterr().err
