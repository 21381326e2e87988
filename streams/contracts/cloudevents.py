"""CloudEvents 1.0 in Kafka's binary mode: the body is the event's JSON, the headers are its context. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from streams.contracts import ImageClassified, ImageRejected, PipelineStatus, StorageDeadLetter
from streams.contracts.traceparent import TRACEPARENT, carried

Headers = list[tuple[str, bytes]]

EVENT_TYPES: Final = {
    ImageClassified: "petstream.image.classified.v1",
    ImageRejected: "petstream.image.rejected.v1",
    StorageDeadLetter: "petstream.storage.refused.v1",
}
PROCESS_STATUS_TYPE: Final = "petstream.process.status.v1"
"""Of a PipelineStatus about a process. Subscribers that know only ``storage``, which has no headers, skip the type."""


def version_id(event: ImageClassified | ImageRejected) -> str:
    """
    The id of one version of an object's outcome. A repeated event has an equal id, a newer event has another one.

    CloudEvents requires source + id to be unique for each distinct event, so subscribers can deduplicate by it. It
    includes the reason, because a replay may label a rejected image, or reject it for another reason. The sequencer is
    unpadded: S3's value without the zeros at either end.
    """
    version = f"{event.id}/{event.sequencer.rstrip('0') or '0'}/{_rfc3339(event.uploaded_at)}/{event.model.rev}"
    return f"{version}/{event.reason}" if isinstance(event, ImageRejected) else version


def headers(
    event: ImageClassified | ImageRejected | StorageDeadLetter, incoming: Sequence[tuple[str, bytes | None]]
) -> Headers:
    """
    The context attributes of an event, and the trace of the message that caused it.

    ``incoming`` are that message's headers. They are untrusted: only a valid trace is passed on.

    Source: CloudEvents, "Kafka Protocol Binding" 1.0.2, section 3.2 (binary content mode).
    """
    match event:
        case ImageClassified():
            identity, source, time = version_id(event), "petstream/classifier", event.classified_at
        case ImageRejected():
            identity, source, time = version_id(event), "petstream/classifier", event.rejected_at
        case StorageDeadLetter():
            identity = f"{event.id}/{event.topic}/{event.partition}/{event.offset}"
            source, time = "petstream/sink", event.failed_at
    context = _encoded(
        identity=identity, source=source, ce_type=EVENT_TYPES[type(event)], subject=str(event.id), time=time
    )
    trace = carried(incoming)
    return context + ([(TRACEPARENT, trace.header.encode())] if trace else [])


def process_status_headers(status: PipelineStatus) -> Headers:
    """The context attributes of the status of a process."""
    return _encoded(
        identity=f"{status.component}/{status.process}/{_rfc3339(status.at)}",
        source=f"petstream/{status.component}",
        ce_type=PROCESS_STATUS_TYPE,
        subject=status.component,
        time=status.at,
    )


def _encoded(*, identity: str, source: str, ce_type: str, subject: str, time: datetime) -> Headers:
    context = {
        "ce_specversion": "1.0",
        "ce_id": identity,
        "ce_source": source,
        "ce_type": ce_type,
        "ce_subject": subject,
        "ce_time": _rfc3339(time),
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in context.items()]


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
