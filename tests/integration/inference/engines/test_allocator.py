import subprocess
import sys
from pathlib import Path

import pytest

ARENAS = """
import ctypes, sys, threading
from inference.engines import allocator

assert allocator.use_one_arena()
libc = ctypes.CDLL(None)
started = threading.Barrier(21)

def allocate():
    libc.malloc(100)
    started.wait()

threads = [threading.Thread(target=allocate) for _ in range(20)]
[thread.start() for thread in threads]
started.wait()
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the arenas of glibc")
def test_new_threads_share_the_arenas_that_exist(tmp_path: Path) -> None:
    """In a fresh process, since the setting holds for all of a process."""
    report = tmp_path / "report.xml"
    subprocess.run([sys.executable, "-c", ARENAS, report], check=True)
    assert report.read_text().count("<heap ") < 5
