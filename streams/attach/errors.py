"""Errors of ``petstream attach`` and ``petstream detach``."""

from streams.runtime.errors import MISUSED, MendableError


class AttachRefused(MendableError):  # noqa: N818 - the name says what happened
    """Nothing was changed by this step: a conflict with what exists, a missing permission, a wrong name."""

    exit_code = MISUSED


class BucketMissing(AttachRefused):
    """There is no such bucket."""


class NotDelivered(MendableError):  # noqa: N818 - the name says what happened
    """The notification of the test object did not arrive."""


class ChangedMeanwhile(MendableError):  # noqa: N818 - the name says what happened
    """The bucket's notifications or queues are not what was written: somebody else wrote at the same time."""


class QueueHoldsMessages(MendableError):  # noqa: N818 - the name says what happened
    """
    A queue is not deleted, because messages are in it.

    Attributes:
        may_be_past: SQS counts messages and hands out none, so that the count may fall by itself.
    """

    def __init__(self, name: str, messages: int, *, may_be_past: bool) -> None:
        super().__init__(
            f"The queue {name} holds {messages:,} messages, and both queues stay",
            "let the bridge work them off (dead letters: redrive them), and run petstream detach again. "
            "--delete-messages deletes them.",
        )
        self.may_be_past = may_be_past
