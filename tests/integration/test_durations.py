"""The plugin that keeps the tests quick, in runs of its own: in one process, and in two as `make test` has them."""

import json

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
    import time
    import pytest
    from _pytest import timing

    NOW = 0.0
    REAL = time.perf_counter

    def pause():
        global NOW
        NOW += {pause}

    def pytest_configure(config):  # a clock that only a pause moves: what else the machine does takes no time
        time.perf_counter = timing.perf_counter = lambda: NOW

    def pytest_unconfigure(config):
        time.perf_counter = timing.perf_counter = REAL

    @pytest.fixture(scope="session")
    def broker():
        pause()
        yield
        pause()

    @pytest.fixture(scope="module")
    def world():
        pause()
"""
QUICK = "tests/faults/test_quick.py"
LONG = "tests/unit/test_long.py"
HOURS = "tests/soak/test_hours.py"
SOURCES = {
    QUICK: "def test_with_what_all_share(broker): pass",
    LONG: "def test_of_a_file_that_takes_long(world): pass",
    HOURS: """
import pytest

@pytest.mark.slow
def test_that_takes_hours(): pass
""",
}
IN_ONE_PROCESS = ("-n", "0")
IN_TWO = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


def write(pytester: pytest.Pytester, *, pause: float = 0.0) -> None:
    pytester.makeini("[pytest]\nmarkers = slow: takes hours")
    pytester.makeconftest(CONFTEST.replace("{pause}", str(pause)))
    for path, source in SOURCES.items():
        file = pytester.path / path
        file.parent.mkdir(parents=True)
        file.write_text(source)


def run(pytester: pytest.Pytester, *options: str, marked: str = "not slow") -> pytest.RunResult:
    plugins = ("-p", "tests.durations", "-p", "no:asyncio", "-p", "no:hypothesispytest")
    return pytester.runpytest_inprocess(*plugins, "--import-mode=importlib", "-v", "-m", marked, *options)


@pytest.mark.parametrize("processes", [IN_ONE_PROCESS, IN_TWO], ids=["in one process", "in two"])
def test_a_file_above_its_limit_fails_the_run_and_none_is_blamed_for_what_all_share(
    processes: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    write(pytester, pause=0.7)
    ended = run(pytester, *processes, "-o", "file_seconds=0.6")
    assert ended.parseoutcomes()["passed"] == 2
    assert ended.ret == pytest.ExitCode.TESTS_FAILED
    ended.stdout.fnmatch_lines(
        [
            "*slowest files*",
            f"* 0.7 s  {LONG}",
            f"* 0.0 s  {QUICK}",
            "of all processes together: real parts 0 s, unit 1 s",
            f"FAILED {LONG} takes more than 0.6 s. * mark what has to wait in real time as `slow`.",
        ]
    )
    ended.stdout.no_fnmatch_line(f"FAILED {QUICK}*")
    remembered = json.loads((pytester.path / ".pytest_cache/v/petstream/file_seconds").read_text())
    assert remembered == pytest.approx({QUICK: 0.0, LONG: 0.7})


def test_within_the_limit_a_run_passes(pytester: pytest.Pytester) -> None:
    write(pytester)
    ended = run(pytester, *IN_ONE_PROCESS, "-p", "no:cacheprovider")
    assert ended.ret == pytest.ExitCode.OK
    ended.assert_outcomes(passed=2, deselected=1)


def test_where_slow_tests_are_asked_for_their_tier_is_told_and_nothing_enforced(pytester: pytest.Pytester) -> None:
    write(pytester)
    ended = run(pytester, *IN_ONE_PROCESS, "-o", "file_seconds=0", marked="")
    ended.assert_outcomes(passed=3)
    assert ended.ret == pytest.ExitCode.OK
    ended.stdout.fnmatch_lines(["of all processes together: real parts 0 s, slow 0 s, unit 0 s"])
    ended.stdout.no_fnmatch_line("FAILED*")


def test_what_took_longest_the_last_time_goes_first_and_then_it_goes_by_folders(pytester: pytest.Pytester) -> None:
    write(pytester)
    cache = pytester.path / ".pytest_cache/v/petstream/file_seconds"
    cache.parent.mkdir(parents=True)
    cache.write_text(json.dumps({LONG: 40.0}))
    ended = run(pytester, *IN_ONE_PROCESS, marked="")
    ended.stdout.fnmatch_lines([f"{file}::*PASSED*" for file in (LONG, HOURS, QUICK)])


def test_ten_files_are_told_and_no_more(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(**{f"test_{number:02}": "def test_nothing(): pass" for number in range(11)})
    ended = run(pytester, *IN_ONE_PROCESS, "-q")
    assert ended.ret == pytest.ExitCode.OK
    assert sum(" s  test_" in line for line in ended.outlines) == 10
