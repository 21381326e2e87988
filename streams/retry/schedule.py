"""
Which retry topic an upload goes to after a failed attempt, or that it had its last attempt. Pure.

=================  =======================================================  =================================
reason             what happened                                            attempts after the first
=================  =======================================================  =================================
missing            the store has no such object, or not this version        one, in the first tier
decoder_crashed    its decoder hung or died                                 two, in the first two tiers (below)
forbidden          the store does not let us read it                        two, in the first two tiers
unavailable        the store does not give it, but gives others             until ``max_hours`` have passed
failed             an unexpected exception in petstream                     until ``max_hours`` have passed
=================  =======================================================  =================================

After the last attempt the upload is rejected with that reason. Earlier attempts count, whatever their reasons. One
exception: a picture is rejected as ``decoder_crashed`` only after an attempt alone, in a fresh process, with the full
time limit, even if ``max_hours`` are over by then. Before that it is tried for seconds (attempt.has_full_time), so that
a picture that is only slow does not wait behind pictures that hang.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from streams.contracts import RetryReason
from streams.contracts.topics import RETRY_TOPICS

BOUNDED: Final[Mapping[RetryReason, int]] = {"missing": 1, "decoder_crashed": 2, "forbidden": 2}
"""Attempts after the first. Other reasons are bounded by time alone."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A retry topic and how long each message waits there."""

    topic: str
    delay: timedelta


@dataclass(frozen=True, slots=True)
class Schedule:
    """The tiers, shortest delay first, and the retry window: how long after its first failure an upload is retried."""

    tiers: tuple[Tier, ...]
    window: timedelta

    @classmethod
    def of(cls, delays_seconds: Sequence[float], max_hours: float) -> "Schedule":
        """
        The schedule of the settings.

        Args:
            delays_seconds: one for each of ``topics.RETRY_TOPICS``.
            max_hours: the window.
        """
        tiers = zip(RETRY_TOPICS, delays_seconds, strict=True)
        return cls(
            tuple(Tier(topic, timedelta(seconds=seconds)) for topic, seconds in tiers), timedelta(hours=max_hours)
        )

    def next_tier(
        self,
        reason: RetryReason,
        *,
        attempts: int,
        first_failed_at: datetime,
        now: datetime,
        before: RetryReason | None = None,
    ) -> Tier | None:
        """
        The tier in which the upload waits for its next attempt; None if it had its last.

        Args:
            reason: why the latest attempt had no outcome.
            attempts: made so far, the latest included; at least 1.
            first_failed_at: the end of the first of them.
            now: the end of the latest.
            before: the reason of the attempt before; None if there was none.
        """
        is_new_suspect = reason == "decoder_crashed" and before not in (None, reason)
        if attempts > BOUNDED.get(reason, attempts) and not is_new_suspect:
            return None
        tier = self.tiers[min(attempts, len(self.tiers)) - 1]
        if reason not in BOUNDED and now + tier.delay > first_failed_at + self.window:
            return None
        return tier

    def tier_of(self, topic: str) -> Tier | None:
        """The tier of a topic's name without prefix; None if it is no retry topic."""
        return next((tier for tier in self.tiers if tier.topic == topic), None)
