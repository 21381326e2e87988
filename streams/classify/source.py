"""Where an upload came from: its message, and the attempts before this one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from streams.retry.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Source:
    """The message that named an upload, and the attempts before, if it comes from a retry topic or is a copy."""

    message: bytes
    received: datetime
    topic: str
    partition: int
    offset: int
    attempt: Attempt | None
    is_ours: Callable[[], bool]
    """Whether this process still owns the message. Called when its turn comes, which may take long."""

    @property
    def origin(self) -> str:
        """The topic, without prefix, of the upload's first attempt."""
        return self.attempt.topic if self.attempt else self.topic

    @property
    def parked(self) -> Attempt | None:
        """
        The attempts before this one, if the limits of a retry topic apply.

        A copy comes on the same topics as new uploads, and their limits apply to it.
        """
        return None if self.attempt is None or self.attempt.is_copy else self.attempt
