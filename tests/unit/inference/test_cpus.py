import os
from pathlib import Path

import pytest

from inference.cpus import available

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "processors"),
    [("max 100000", ALL), ("50000 100000", 1), ("100000 100000", 1), ("100000000 100000", ALL), ("nonsense", ALL)],
)
def test_a_containers_quota_limits_the_threads(tmp_path: Path, quota: str, processors: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert available(tmp_path) == processors


def test_without_a_control_group_the_affinity_counts(tmp_path: Path) -> None:
    assert available(tmp_path / "none") == ALL
