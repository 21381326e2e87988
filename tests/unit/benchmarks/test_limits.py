from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare
from benchmarks.compare import Limit


@pytest.mark.parametrize("slow", [4, 13])  # both trials of the fastest setting
def test_a_slow_minute_does_not_choose_the_loop(monkeypatch: pytest.MonkeyPatch, slow: int) -> None:
    tried: list[tuple[str, int, int]] = []

    def bare_loop(_model: Path, _folder: Path, *, engine: str, workers: int, batch: int, pictures: int) -> Limit:
        tried.append((engine, workers, batch))
        rate = 10.0 * workers + batch / 8 - (engine != "openvino") - (15 if len(tried) == slow else 0)
        return limit(engine, workers, batch, rate, pictures)

    monkeypatch.setattr(compare, "bare_loop", bare_loop)
    found = compare.limits(Path("m.pt"), [], 2, 5, lambda _line: None)
    assert tried[: len(found)] == tried[len(found) :][::-1]
    chosen = compare.best(found)
    assert (chosen.engine, chosen.workers, chosen.batch) == ("openvino", 2, max(compare.LIMIT_BATCHES))


def limit(engine: str, workers: int, batch: int, rate: float, pictures: int) -> Limit:
    given: dict[str, Any] = {"engine": engine, "workers": workers, "threads": 1, "batch": batch, "pictures": pictures}
    return Limit(**given, pictures_per_second=rate, cpu_ms_per_picture=1.0, peak_mib=1.0)
