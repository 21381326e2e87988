"""A small file that says how far a run came: written whole or not at all, and only after what it tells of is done."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from streams.runtime.errors import MISUSED, MendableError

Command = Literal["backfill", "reconcile", "reconcile --enqueue"]


class Task(msgspec.Struct, frozen=True):
    """What a run does; another one may not go on with its file. ``endpoint`` is None for Amazon S3."""

    command: Command
    place: str
    scope: str
    endpoint: str | None = None

    def __str__(self) -> str:
        """For a person who compares two of them."""
        return f"{self.command} {self.place} {self.scope} at {self.endpoint or 'Amazon S3'}"


class Reached(msgspec.Struct, frozen=True):
    """Everything up to and with the key ``after`` is done, and came to these counts."""

    after: str | None = None
    counts: Mapping[str, int] = {}


class _Content(msgspec.Struct, frozen=True):
    task: Task
    reached: Reached


class ResumeRefused(MendableError):  # noqa: N818 - the name says what happened
    """The file cannot be used."""

    exit_code = MISUSED


class ResumeFile:
    """The file of one task, at a path that may not exist yet."""

    def __init__(self, path: Path, task: Task) -> None:
        self._path = path
        self._task = task

    def read(self) -> Reached:
        """
        How far the task came; the beginning where there is no file.

        Raises:
            ResumeRefused: it is another task's, it is no such file, or it cannot be read.
        """
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return Reached()
        except msgspec.DecodeError as error:
            raise ResumeRefused(f"{self._path} is no file to resume from ({error})", "name another one.") from error
        except OSError as error:
            raise ResumeRefused(f"{self._path} cannot be read ({error.strerror})", "name another file.") from error
        if found.task != self._task:
            raise ResumeRefused(
                f"{self._path} belongs to another run ({found.task}; this is {self._task})",
                "repeat that one's arguments, or name another file.",
            )
        return found.reached

    def write(self, reached: Reached) -> None:
        """Replace the file by this. Raises ResumeRefused if it cannot be written."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(_Content(self._task, reached)))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise ResumeRefused(f"{self._path} cannot be written ({error.strerror})", "name another file.") from error

    def remove(self) -> None:
        """The run is finished: the next one with this file starts from the beginning."""
        self._path.unlink(missing_ok=True)
