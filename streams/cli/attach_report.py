"""Output of ``petstream attach`` and ``petstream detach``. Pure."""

from collections.abc import Iterator, Sequence

from streams.attach.attachment import Attachment
from streams.attach.notifications import Target
from streams.attach.plan import Step

DEFAULT_PREFIX = "uploads/"
"""The prefix of S3_KEY_PATTERN's default."""


def plan_lines(attachment: Attachment, steps: Sequence[Step], kept: Sequence[Target]) -> Iterator[str]:
    """What will be done, and what stays as it is."""
    yield str(attachment)
    for step in steps:
        yield f"  {step.action}: {step.name}" + (f" ({step.detail})" if step.detail else "")
    for target in kept:
        yield f"  keep {target}"


def plan_json(attachment: Attachment, steps: Sequence[Step], kept: Sequence[Target]) -> dict[str, object]:
    """The same for programs."""
    return {
        "place": str(attachment),
        "steps": [{"action": step.action, "name": step.name} for step in steps],
        "kept": [{"kind": each.kind, "arn": each.arn, "id": each.id} for each in kept],
    }


def settings(attachment: Attachment, region: str, queue_url: str) -> dict[str, str]:
    """Settings of bridge and classifier; the key pattern where its default does not fit the prefix."""
    found = {"AWS_REGION": region, "S3_BUCKET": attachment.bucket, "SQS_QUEUE_URL": queue_url}
    if attachment.prefix != DEFAULT_PREFIX:
        folder, slash, start = attachment.prefix.rpartition("/")
        found["S3_KEY_PATTERN"] = f"{folder}{slash}{'{folder}/' if start else ''}{{user_name}}/{{name}}"
    return found
