"""What a unit test may not do fails it, and says where such a test belongs."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from tests import confined

DEEDS: dict[str, Callable[[], object]] = {
    "opens a connection": lambda: socket.socket().connect(("127.0.0.1", 9)),
    "opens a port": lambda: socket.create_server(("127.0.0.1", 0)),
    "looks an address up": lambda: socket.getaddrinfo("localhost", 9),
    "starts a process": lambda: subprocess.run(["true"], check=True),
    "starts a process: os.system": lambda: os.system("true"),  # noqa: S605 - what is tested
    "sleeps 0.5 s": lambda: time.sleep(0.5),
    "sleeps 0.05 s": lambda: asyncio.run(asyncio.sleep(0.05)),
}


def test_the_tests_of_this_folder_are_watched() -> None:
    assert confined.is_watching()


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_test_that_leaves_its_process_fails_even_where_the_error_is_handled(deed: str) -> None:
    inner = confined.pytest_runtest_call()
    next(inner)
    with pytest.raises(RuntimeError, match=f"{deed}.*tests/integration/<package>/"):
        DEEDS[deed]()
    with pytest.raises(pytest.fail.Exception, match=deed):
        inner.send(None)


async def test_what_holds_nobody_up_is_allowed() -> None:
    long = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0.01)
    long.cancel()
    time.sleep(0.01)  # noqa: ASYNC251 - what is tested
    one, other = socket.socketpair()
    one.close()
    other.close()
