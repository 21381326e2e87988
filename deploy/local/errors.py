"""Errors of the embedded stack's parts, sorted by what the user has to do."""

from pathlib import Path


class LocalPartError(Exception):
    """A part of the embedded stack failed."""


class PartUnavailable(LocalPartError):  # noqa: N818 - the name says what happened
    """The part's software is not installed and could not be fetched: install it, or choose another part."""


class PartEnded(LocalPartError):  # noqa: N818 - the name says what happened
    """A process ended unexpectedly. The message has the last lines of its log."""

    def __init__(self, name: str, status: int, log_path: Path, log_tail: str) -> None:
        ending = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        super().__init__(f"{name} {ending}; the last lines of {log_path}:\n{log_tail or '(nothing was logged)'}")
        self.name = name
        self.status = status
        self.log_path = log_path
        self.log_tail = log_tail


class PartTimedOut(LocalPartError):  # noqa: N818 - the name says what happened
    """A process did not become ready in time. The message has the last lines of its log."""

    def __init__(self, name: str, waited_seconds: float, log_path: Path, log_tail: str) -> None:
        super().__init__(
            f"{name} was not ready after {waited_seconds:.0f} s; the last lines of {log_path}:\n{log_tail}"
        )
        self.name = name
        self.waited_seconds = waited_seconds
        self.log_path = log_path
        self.log_tail = log_tail
