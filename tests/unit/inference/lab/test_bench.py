from pathlib import Path

import pytest

from inference.engines.buckets import BUCKETS
from inference.lab.bench import BATCHES, Measurement, Setting, _batches, _threads, bench, recommended
from tests import tiny_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_model.write(tmp_path / "tiny.pt")


@pytest.mark.usefixtures("without_cuda")
def test_every_setting_is_measured_however_short_the_time(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.cpus.available", lambda: 2)
    told: list[tuple[int, int]] = []
    measured = bench(tiny, 0.0, progress=lambda done, total: told.append((done, total)))
    settings = {each.setting for each in measured}
    assert settings == {Setting(e, t, b) for e in ("torchscript", "openvino") for t in (1, 2) for b in BATCHES}
    assert all(each.pictures == each.setting.batch for each in measured), "one batch each, then time is up"
    assert all(each.rate > 0 and each.p50_ms > 0 for each in measured)
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == list(range(1, len(told) + 1))


def test_figures_are_those_of_the_sums() -> None:
    cell = Measurement(Setting("openvino", 2, 4), pictures=40, seconds=2.0, cpu_seconds=3.0, batches=[0.1, 0.3, 0.2])
    assert (cell.rate, cell.cpu_ms, cell.p50_ms) == (20.0, 75.0, 200.0)


def measured(threads: int, batch: int, rate: float) -> Measurement:
    return Measurement(Setting("openvino", threads, batch), pictures=round(10 * rate), seconds=10.0)


def test_threads_that_bring_nothing_are_not_recommended() -> None:
    cells = [measured(4, 16, 100), measured(2, 16, 98), measured(2, 4, 96), measured(1, 1, 60)]
    assert recommended(cells) == Setting("openvino", 2, 4)


def test_the_fastest_is_recommended_where_it_stands_out() -> None:
    assert recommended([measured(4, 16, 100), measured(2, 4, 90)]) == Setting("openvino", 4, 16)


@pytest.mark.parametrize(("processors", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_threads_are_doubled_up_to_the_machine(processors: int, tried: list[int]) -> None:
    assert _threads("openvino", processors) == tried


def test_a_device_is_measured_with_one_thread_and_in_sizes_that_it_prepares() -> None:
    assert _threads("cuda", 16) == [1]
    assert set(_batches("cuda")) <= set(BUCKETS)
    assert max(_batches("cuda")) > max(_batches("openvino"))
