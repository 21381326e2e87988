"""Where an upload came from: its message, and the attempts before this one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from streams.retry.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Source:
    """Where an upload came from: its message, and the attempts before, if it comes from a retry topic or is a copy."""

    message: bytes
    received: datetime
    topic: str
    partition: int
    offset: int
    attempt: Attempt | None
    is_ours: Callable[[], bool]
    """Asked once its turn has come, which may take long: whether it is still this process's to try."""

    @property
    def origin(self) -> str:
        """The topic, without prefix, of the upload's first attempt."""
        return self.attempt.topic if self.attempt else self.topic

    @property
    def parked(self) -> Attempt | None:
        """
        The attempts before, if it may take the time that one of a retry topic may.

        A copy comes on the way of all others, and has no more time than they.
        """
        return None if self.attempt is None or self.attempt.is_copy else self.attempt
