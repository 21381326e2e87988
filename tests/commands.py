"""``petstream`` as its console script runs it, but in this process: a start costs more than most commands do."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from streams.cli import main


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def petstream(*words: object, **environment: str) -> Done:
    """Run a command with these settings and no others."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        mock.patch.dict(os.environ, kept() | environment, clear=True),
        mock.patch.object(sys, "argv", ["petstream", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    return Done(code, _text(out), _text(err))


def petstream_process(*words: object, **environment: str) -> Done:
    """The same as a process of its own: once for each family of commands, and where signals or terminals matter."""
    command = [str(Path(sys.executable).with_name("petstream")), *map(str, words)]
    done = subprocess.run(command, env=kept() | environment, capture_output=True, text=True, timeout=120, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def kept() -> dict[str, str]:
    """What of the environment is no setting."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
