"""Errors that an operator can fix, each with its remedy, and the exit codes of the commands. Pure."""

from typing import ClassVar, Final

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130


class MendableError(Exception):
    """
    An error that an operator can fix. The text states what happened, then the remedy.

    Attributes:
        remedy: what to do; empty if the text has no separate remedy.
        exit_code: exit code of a command that ends with this error.
    """

    exit_code: ClassVar[int] = FAILED

    def __init__(self, happened: str = "", remedy: str = "") -> None:
        super().__init__(f"{happened}: {remedy}" if remedy else happened)
        self.remedy = remedy
