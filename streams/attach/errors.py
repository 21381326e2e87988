"""Errors of ``petstream attach`` and ``petstream detach``."""

from streams.runtime.errors import MISUSED, MendableError


class AttachRefused(MendableError):  # noqa: N818 - the name says what happened
    """Nothing was changed by this step: a conflict with what exists, a missing permission, a wrong name."""

    exit_code = MISUSED


class NotDelivered(MendableError):  # noqa: N818 - the name says what happened
    """The notification of the test object did not arrive."""


class ChangedMeanwhile(MendableError):  # noqa: N818 - the name says what happened
    """The bucket's notifications are not what was written: somebody else wrote at the same time."""


class QueueHoldsMessages(MendableError):  # noqa: N818 - the name says what happened
    """A queue is not deleted, because messages are in it."""
