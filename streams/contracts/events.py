"""
The published events: one frozen type for each topic, and its encoding. Pure.

Bodies are JSON, times are RFC 3339 UTC. JSON Schema and docs/asyncapi.yaml are generated from these types (schema.py),
so that a subscriber in another language needs nothing else. Readers ignore unknown fields. Within ``.v1``, fields may
be added, but not removed or given another meaning.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeVar, get_args
from uuid import UUID

import msgspec
from msgspec import Meta

from streams.contracts.identity import right_padded

Label = Literal["cat", "dog"]
Reason = Literal[
    "malformed_event",
    "too_many_bytes",
    "failed",
    "unavailable",
    "forbidden",
    "missing",
    "no_user",
    "unsupported_format",
    "too_many_pixels",
    "decoder_crashed",
    "undecodable",
    "not_a_pet",
]
"""In the order of the checks. For one version, the later of two reasons wins, and a label wins over any rejection."""
RetryReason = Literal["missing", "forbidden", "unavailable", "failed", "decoder_crashed"]
"""Reasons that are retried. A rejection with one of them comes after the last attempt."""
REASONS: tuple[Reason, ...] = get_args(Reason)

Probability = Annotated[float, Meta(ge=0, le=1)]
Utc = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC")]
Sequencer = Annotated[
    str,
    Meta(pattern="^[0-9A-F]{64}$", description="right-padded with zeros, compared as text; all zeros: unknown"),
]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The model that decided; ``rev`` orders its versions, ``sha256`` is that of the artefact's file."""

    name: str
    version: str
    rev: Annotated[int, Meta(ge=0)]
    sha256: str


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """The model's probabilities, summing to 1. How far they can be trusted: docs/model.md."""

    cat: Probability
    dog: Probability
    neither: Probability


class ImageClassified(msgspec.Struct, frozen=True, kw_only=True):
    """
    Topic image-classifications. One version of one object got a label.

    The id is that of the object, so a later event with the same id and a greater (sequencer, uploaded_at, model.rev)
    replaces this one. Delivery is at least once: the same event may come twice. A label stands over a rejection of the
    same version: it comes of a replay.
    """

    id: UUID
    user_name: Annotated[str, Meta(min_length=1, max_length=255)]
    image_url: str
    bucket: str
    key: str
    version_id: str | None
    etag: str | None
    sequencer: Sequencer
    classification: Label
    confidence: Probability
    scores: Scores
    processing_time_ms: Annotated[int, Meta(ge=0, description="fetch, decode, batch and inference")]
    uploaded_at: Utc
    classified_at: Utc
    model: Model

    def __post_init__(self) -> None:
        _pad_on_the_right(self)


class ImageRejected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Topic image-rejections. One version of one object got no label, and why.

    ``bucket``, ``key`` and ``image_url`` are null only for ``malformed_event``: such a message names no object, its id
    is that of its bytes. ``upload_event`` is the notification as it came, so that it can be replayed; one of more than
    2 MiB (2,097,152 bytes), which comes only compressed, is cut to its first 64 KiB and marked. ``missing``,
    ``forbidden``, ``unavailable``, ``decoder_crashed`` and ``failed`` come after the last of several attempts. Of two
    rejections of one version the one that got further stands: malformed_event, too_many_bytes, failed, unavailable,
    forbidden, missing, no_user, unsupported_format, too_many_pixels, decoder_crashed, undecodable, not_a_pet.
    """

    id: UUID
    user_name: str | None
    image_url: str | None
    bucket: str | None
    key: str | None
    version_id: str | None
    etag: str | None
    sequencer: Sequencer
    reason: Reason
    detail: str
    uploaded_at: Utc
    rejected_at: Utc
    model: Model
    upload_event: Annotated[bytes, Meta(description="base64 of the bytes of the message on image-uploads")]
    upload_event_truncated: Annotated[
        bool, Meta(description="only where true: upload_event is its beginning, and cannot be replayed")
    ] = False
    upload_event_sha256: Annotated[
        str | None, Meta(description="only where truncated: of the whole message, in hexadecimal")
    ] = None
    scores: Annotated[Scores | None, Meta(description="only of not_a_pet, and not of events before this field")] = None

    def __post_init__(self) -> None:
        _pad_on_the_right(self)


def _pad_on_the_right(event: ImageClassified | ImageRejected) -> None:
    """Normalise sequencers of older events, which classifiers padded on the left, so that they compare correctly."""
    if event.sequencer.startswith("0"):
        msgspec.structs.force_setattr(event, "sequencer", right_padded(event.sequencer))


class StorageDeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Topic storage-dead-letters. PostgreSQL refuses this row for good, or the sink itself failed on the event.

    The event is kept whole, unless it alone is larger than the topic takes: then it is cut to its first 64 KiB, and
    marked.
    """

    id: UUID
    topic: str
    partition: int
    offset: int
    sqlstate: str | None
    constraint: str | None
    detail: str
    failed_at: Utc
    event: Annotated[bytes, Meta(description="base64 of the event whose row was refused")]
    event_truncated: Annotated[
        bool, Meta(description="only where true: event is its beginning, and cannot be replayed")
    ] = False
    event_sha256: Annotated[
        str | None, Meta(description="only where truncated: of the whole event, in hexadecimal")
    ] = None


class PipelineStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    Topic pipeline-status (compacted, key = component). Whether a component works, and since when.

    `storage` says whether results are being stored. `bridge`, `classifier` and `sink` are processes: each of them
    repeats its status every 5 seconds, and one that is silent for 12 seconds has ended or hangs. Components may be
    added.
    """

    component: Literal["storage", "bridge", "classifier", "sink"]
    state: Annotated[
        Literal["ok", "degraded", "stopped"], Meta(description="stopped: the process has ended, and could say so")
    ]
    since: Utc
    at: Utc
    warning: str | None
    process: Annotated[str | None, Meta(description="only of processes: which one, since several may run")] = None
    unavailable: Annotated[
        dict[str, Utc], Meta(description="only of processes: the dependencies that fail for it, and since when")
    ] = {}
    models: Annotated[tuple[Model, ...], Meta(description="only of a classifier: in service, the newest first")] = ()


Event = ImageClassified | ImageRejected | StorageDeadLetter | PipelineStatus
EventT = TypeVar("EventT")

_encoder = msgspec.json.Encoder()
_classified = msgspec.json.Decoder(ImageClassified)
_rejected = msgspec.json.Decoder(ImageRejected)


def encode(event: Event) -> bytes:
    """The JSON body of an event."""
    return _encoder.encode(event)


def read(decoder: msgspec.json.Decoder[EventT], body: bytes) -> EventT:
    """
    Decode a body with the decoder of its type.

    Raises:
        msgspec.DecodeError: if it is not JSON or breaks the contract. msgspec's UnicodeDecodeError (invalid UTF-8) and
            RecursionError (deep nesting) are translated, because any publisher can cause them.
    """
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise msgspec.DecodeError(f"{type(error).__name__}: {error}") from error


def decode_classified(body: bytes) -> ImageClassified:
    """
    Decode an event of topic image-classifications.

    Raises:
        msgspec.DecodeError: if it is not JSON or breaks the contract.
    """
    return read(_classified, body)


def decode_rejected(body: bytes) -> ImageRejected:
    """
    Decode an event of topic image-rejections.

    Raises:
        msgspec.DecodeError: if it is not JSON or breaks the contract.
    """
    return read(_rejected, body)
