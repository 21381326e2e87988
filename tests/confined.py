"""
Keeps unit tests within their process: no network (loopback included), no other process, no waiting in real time.

What a test waits for is delayed by whatever else the machine does; a suite of such tests is slow and fails by chance. A
conftest that imports the hooks below has each test of its folder fail that does so.
"""

import asyncio
import sys
import time
from collections.abc import Generator
from typing import Any, Final, SupportsIndex

import pytest

LONGEST_SLEEP_SECONDS: Final = 0.03
"""Enough to let another thread go on."""

_ADVICE: Final = "Unit tests do without: tests/integration/<package>/ is the place for such a test."
_FORBIDDEN: Final = {
    "os.exec": "starts a process",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "socket.bind": "opens a port",
    "socket.connect": "opens a connection",
    "socket.getaddrinfo": "looks an address up",
    "socket.gethostbyname": "looks an address up",
    "subprocess.Popen": "starts a process",
}
"""Audit events of Python, https://docs.python.org/3/library/audit_events.html: whichever library is behind them."""


class _Watch:
    """Notes what the running test does and should not. Audit hooks cannot be taken back: this one has a switch."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        """None while no unit test runs."""
        self._is_installed = False

    def install(self) -> None:
        if self._is_installed:
            return
        self._is_installed = True
        sys.addaudithook(self._audit)
        sleep, sleep_in_loop = time.sleep, asyncio.sleep

        def watched_sleep(seconds: float | SupportsIndex) -> None:
            self._sleeps(float(seconds))
            sleep(seconds)

        async def watched_sleep_in_loop(delay: float, result: Any = None) -> Any:
            slept = await sleep_in_loop(delay, result)  # one that is cancelled holds nobody up
            self._sleeps(delay)
            return slept

        time.sleep = watched_sleep
        asyncio.sleep = watched_sleep_in_loop

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.seen is not None and event in _FORBIDDEN:
            self._refuse(f"it {_FORBIDDEN[event]}: {event}{arguments}")

    def _sleeps(self, seconds: float) -> None:
        if self.seen is not None and seconds > LONGEST_SLEEP_SECONDS:
            self._refuse(f"it sleeps {seconds} s")

    def _refuse(self, what: str) -> None:
        if self.seen is not None:
            self.seen.append(what)
        raise RuntimeError(f"{what}. {_ADVICE}")


_WATCH: Final = _Watch()


def is_watching() -> bool:
    """Whether the running test is held to this."""
    return _WATCH.seen is not None


def _confined() -> Generator[None, Any, Any]:
    _WATCH.install()
    seen: list[str] = []
    _WATCH.seen = seen
    try:
        result = yield
    finally:
        _WATCH.seen = None
    if seen:  # the code under test may have handled the error
        pytest.fail(f"{seen[0]}. {_ADVICE}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    return (yield from _confined())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    return (yield from _confined())
