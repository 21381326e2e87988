"""The checkpoint of a run in a small file, written atomically and only after the recorded work is done."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from streams.runtime.error_text import error_text, system_text
from streams.runtime.errors import MISUSED, MendableError

Command = Literal["backfill", "reconcile", "reconcile --enqueue"]


class Task(msgspec.Struct, frozen=True):
    """Identifies a run: only the same task may resume from its file. ``endpoint`` is None for Amazon S3."""

    command: Command
    place: str
    scope: str
    endpoint: str | None = None

    def __str__(self) -> str:
        """Text for error messages that compare two tasks."""
        return f"{self.command} {self.place} {self.scope} at {self.endpoint or 'Amazon S3'}"


class Reached(msgspec.Struct, frozen=True):
    """All keys up to and including ``after`` are done, with these counts."""

    after: str | None = None
    counts: Mapping[str, int] = {}


class _Content(msgspec.Struct, frozen=True):
    task: Task
    reached: Reached


class ResumeRefused(MendableError):  # noqa: N818 - the name says what happened
    """The resume file cannot be used."""

    exit_code = MISUSED


class ResumeFile:
    """The resume file of one task. It may not exist yet."""

    def __init__(self, path: Path, task: Task) -> None:
        self._path = path
        self._task = task

    def read(self) -> Reached:
        """
        Read the progress of the task; without a file, the beginning.

        Raises:
            ResumeRefused: if the file belongs to another task, has another format, or cannot be read.
        """
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return Reached()
        except msgspec.DecodeError as error:
            raise ResumeRefused(
                f"{self._path} is no file to resume from ({error_text(error)})", "name another one."
            ) from error
        except OSError as error:
            raise ResumeRefused(f"{self._path} cannot be read ({system_text(error)})", "name another file.") from error
        if found.task != self._task:
            raise ResumeRefused(
                f"{self._path} belongs to another run ({found.task}; this is {self._task})",
                "repeat that one's arguments, or name another file.",
            )
        return found.reached

    def write(self, reached: Reached) -> None:
        """Replace the file atomically. Raises ResumeRefused if it cannot be written."""
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(_Content(self._task, reached)))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            raise ResumeRefused(
                f"{self._path} cannot be written ({system_text(error)})", "name another file."
            ) from error

    def remove(self) -> None:
        """Remove the file after a finished run; the next run starts from the beginning."""
        self._path.unlink(missing_ok=True)
