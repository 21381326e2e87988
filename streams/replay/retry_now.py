"""
Immediate extra attempts for waiting uploads: a copy of each goes to image-uploads, and the original keeps waiting.

A copy that fails is dropped (classify/agent.py). If a copy succeeds, the attempt of the original repeats its result.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Final

from streams.contracts.topics import IMAGE_UPLOADS
from streams.contracts.traceparent import TRACEPARENT
from streams.notifications.upload import ImageUploaded, parse
from streams.replay.messages import Once, OutgoingMessage
from streams.replay.republisher import Republisher
from streams.retry.waiting import Waiting

LEFT_OUT: Final = "decoder_crashed"
"""Pictures that hang or crash a decoder need the isolated attempt of the retry topics, which is due soon."""

Version = tuple[str, str, str | None, str]


@dataclass(slots=True)
class RetryCounts:
    """``messages`` were published for ``uploads`` waiting uploads; ``suspects`` were skipped, see LEFT_OUT."""

    uploads: int = 0
    messages: int = 0
    suspects: int = 0


@dataclass(slots=True)
class _Unseen:
    """Accepts each version of an object once, even if several messages name it."""

    bodies: Once = field(default_factory=Once)
    versions: set[Version] = field(default_factory=set)

    def __call__(self, message: OutgoingMessage) -> bool:
        if not self.bodies(message):
            return False
        named = {
            (upload.bucket, upload.key, upload.version_id, upload.sequencer)
            for upload in parse(message.value)
            if isinstance(upload, ImageUploaded)
        }
        is_new = not named or not named <= self.versions
        self.versions |= named
        return is_new


def copy_of(found: Waiting) -> OutgoingMessage:
    """The message that requests an immediate attempt at an upload."""
    trace = [(name, value) for name, value in found.headers if name == TRACEPARENT and value is not None]
    mark = replace(found.attempt, is_copy=True).headers()
    return OutgoingMessage(IMAGE_UPLOADS, found.key, found.body, [*mark, *trace])


async def retry_now(found: AsyncIterator[Waiting], publisher: Republisher | None) -> RetryCounts:
    """
    Publish a copy of each upload.

    Args:
        found: The waiting uploads.
        publisher: None publishes nothing.

    Raises:
        BrokerRefusal: some messages may be published already; a repetition is harmless.
    """
    done, unseen = RetryCounts(), _Unseen()
    async for each in found:
        if each.attempt.reason == LEFT_OUT:
            done.suspects += 1
            continue
        done.uploads += 1
        message = copy_of(each)
        if unseen(message):
            done.messages += 1
            if publisher is not None:
                await publisher.publish(message)
    if publisher is not None:
        await publisher.flush()
    return done
