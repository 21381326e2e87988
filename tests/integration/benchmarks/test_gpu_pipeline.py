"""The script for a GPU, tried out on the processor: it measures the whole path and tells it as JSON."""

import json
from pathlib import Path

import pytest

from benchmarks import gpu_pipeline
from benchmarks.growth import of_sizes


def test_classifiers_that_share_a_machine_are_measured(
    quick_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in of_sizes([(64, 48), (80, 60)]):
        (tmp_path / picture.name).write_bytes(picture.data)
    words = ["--model", str(quick_model), "--pictures", str(tmp_path), "--engine", "openvino", "--sinks", "1"]
    report = tmp_path / "pipeline.json"
    assert (
        gpu_pipeline.main(
            [*words, "--workers", "2", "--messages", "10", "--set", "DECODE_WORKERS=1", "--json", str(report)]
        )
        == 0
    )
    (found,) = json.loads(report.read_bytes())["shared"]
    assert (found["workers"], found["pictures"]) == (2, 20)
    assert found["pictures_per_second"] >= found["stored_per_second"] > 0
    assert found["cpu_ms"].keys() == {"classify", "sink", "kafka", "postgres", "store", "bench"}
    assert found["peak_mib"] > 50
    assert "classifiers" in capsys.readouterr().out
