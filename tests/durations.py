"""
A pytest plugin that keeps the tests quick: longest files first, the slowest files named, none above its limit.

A file's seconds are those of its tests and of the fixtures it shares, less the parts that a whole run shares: whichever
file happens to start the broker first is not to blame for it.
"""

import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest

FILE_SECONDS: Final = 60
"""What a file may take in `make test`, unless `-o file_seconds=N` says otherwise."""

SLOWEST: Final = 10
_CACHE: Final = "petstream/file_seconds"
_FOLDERS: Final = ("soak", "faults", "integration", "deploy", "fuzz", "unit", "architecture")
"""Longest first, as far as a folder tells; what an earlier run measured goes before it."""


class Durations:
    """Adds up what each file takes. The process that the user started has the reports of all."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._limit = float(config.getini("file_seconds"))
        self._files: defaultdict[str, float] = defaultdict(float)
        self._tiers: defaultdict[str, float] = defaultdict(float)
        self._depth = 0
        self._shared_seconds = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = self._known()
        items.sort(key=lambda item: (-known.get(_file(item.nodeid), 0.0), _rank(item.nodeid)))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        if fixturedef.scope != "session":
            return (yield)
        began, self._depth = time.perf_counter(), self._depth + 1
        try:
            return (yield)
        finally:
            self._depth -= 1
            if not self._depth:  # what it asked for itself is within its own seconds
                self._shared_seconds += time.perf_counter() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None]:
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            if nextitem is None:  # the last of its process ends what all shared
                self._shared_seconds += time.perf_counter() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        # Extra attributes reach the process that the user started along with the report.
        vars(report)["own_seconds"] = report.duration - self._shared_seconds
        self._shared_seconds = 0.0
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seconds = getattr(report, "own_seconds", report.duration)
        self._files[_file(report.nodeid)] += seconds
        self._tiers[_tier(report)] += seconds

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._is_worker():
            return
        if cache := self._cache():
            cache.set(_CACHE, self._known() | dict(self._files))
        if any(self._too_slow()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        slowest = sorted(self._files.items(), key=lambda each: -each[1])[:SLOWEST]
        if not slowest:
            return
        terminalreporter.section("slowest files")
        for file, seconds in slowest:
            terminalreporter.line(f"{seconds:7.1f} s  {file}")
        tiers = ", ".join(f"{tier} {seconds:.0f} s" for tier, seconds in sorted(self._tiers.items()))
        terminalreporter.line(f"of all processes together: {tiers}")
        for file in self._too_slow():
            terminalreporter.line(
                f"FAILED {file} takes more than {self._limit:g} s. Share what its tests start, poll instead of "
                "sleeping, split it by subject, or mark what has to wait in real time as `slow`.",
                red=True,
            )

    def _too_slow(self) -> Iterator[str]:
        """Files above the limit; none where slow tests were asked for."""
        if self._config.getoption("markexpr") == "not slow":
            yield from (file for file, seconds in self._files.items() if seconds > self._limit)

    def _known(self) -> dict[str, float]:
        """What earlier runs measured."""
        cache = self._cache()
        return cache.get(_CACHE, {}) if cache else {}

    def _cache(self) -> pytest.Cache | None:
        """None with -p no:cacheprovider."""
        return getattr(self._config, "cache", None)

    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("file_seconds", "what a file may take before it fails the run", default=str(FILE_SECONDS))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Durations(config))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _rank(nodeid: str) -> int:
    return next((rank for rank, folder in enumerate(_FOLDERS) if nodeid.startswith(f"tests/{folder}/")), len(_FOLDERS))


def _tier(report: pytest.TestReport) -> str:
    """By what `make test-unit`, `make test` and `make test-all` add, in this order."""
    if "slow" in report.keywords:
        return "slow"
    return "unit" if report.nodeid.startswith(("tests/unit/", "tests/architecture/")) else "real parts"
