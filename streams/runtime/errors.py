"""Errors that a person can mend: each carries its remedy. And the exit codes of the commands. Pure."""

from typing import ClassVar, Final

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130


class MendableError(Exception):
    """
    A person can mend this. The text says what happened, then what to do.

    Attributes:
        remedy: what to do; empty where the text has no place for it of its own.
        exit_code: that of a command which ends so.
    """

    exit_code: ClassVar[int] = FAILED

    def __init__(self, happened: str = "", remedy: str = "") -> None:
        super().__init__(f"{happened}: {remedy}" if remedy else happened)
        self.remedy = remedy
