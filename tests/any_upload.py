"""Messages of topic image-uploads as nobody would write them, and the events and rows that come of them."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from persistence.records import ClassificationRecord, RejectionRecord
from streams.classify.outcomes import malformed, rejected
from streams.contracts import ImageClassified, Model, Scores, decode_classified, decode_rejected, encode
from streams.notifications.upload import ImageUploaded, Malformed, parse
from streams.sink.rows import Record, record_of

MODEL = Model(name="test", version="1", rev=1, sha256="0" * 64)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

texts = st.text(max_size=20)
times = (
    st.datetimes().map(datetime.isoformat)
    | st.from_regex(
        r"-?\d{4,6}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", fullmatch=True
    )
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | texts
)
sequencers = st.none() | st.text("0123456789abcdefABCDEF", max_size=66) | texts
sizes = st.none() | st.integers() | texts
names = st.sampled_from(["ObjectCreated:Put", "s3:ObjectCreated:Copy", "ObjectCreated:PutTagging", "ObjectCreated:New"])
sources = st.sampled_from(["aws:s3", "minio:s3", "ceph:s3", "petstream:backfill"]) | texts
arns = st.none() | texts | texts.map(lambda key: f"arn:aws:s3:::/pets/{key}")
buckets = st.fixed_dictionaries({"name": st.just("pets") | texts}, optional={"arn": arns})
objects = st.fixed_dictionaries(
    {"key": texts},
    optional={
        "size": sizes,
        "eTag": st.none() | texts,
        "etag": texts,
        "versionId": st.none() | texts,
        "sequencer": sequencers,
    },
)
s3_records = st.fixed_dictionaries(
    {
        "eventName": names,
        "eventSource": sources,
        "eventTime": times,
        "s3": st.fixed_dictionaries({"bucket": buckets, "object": objects}),
    }
)
event_bridges = st.fixed_dictionaries(
    {
        "source": st.just("aws.s3"),
        "detail-type": st.just("Object Created"),
        "time": times,
        "detail": st.fixed_dictionaries({"bucket": buckets, "object": objects}),
    }
)
r2s = st.fixed_dictionaries(
    {"action": st.just("PutObject"), "bucket": st.just("pets") | texts, "object": objects, "eventTime": times}
)

generations = st.integers().map(str) | texts
gcs_resources = st.fixed_dictionaries(
    {"kind": st.just("storage#object"), "bucket": texts, "name": texts, "timeCreated": times},
    optional={"generation": generations, "size": texts | st.integers().map(str), "metageneration": texts},
)
gcs_messages = st.fixed_dictionaries(
    {
        "attributes": st.fixed_dictionaries(
            {"eventType": st.just("OBJECT_FINALIZE"), "bucketId": texts, "objectId": texts, "eventTime": times},
            optional={"objectGeneration": generations},
        )
    },
    optional={
        "data": texts | gcs_resources.map(lambda data: base64.b64encode(json.dumps(data).encode()).decode()) | sizes
    },
)


def _wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    body = inner.map(json.dumps)
    return (
        st.builds(lambda text: {"Type": "Notification", "Message": text}, body)
        | st.lists(st.builds(lambda text: {"body": text}, body), max_size=3).map(lambda records: {"Records": records})
        | st.builds(lambda text: {"Records": [{"Sns": {"Type": "Notification", "Message": text}}]}, body)
        | st.builds(lambda message: {"message": message}, inner)
    )


notifications = (
    st.lists(s3_records, max_size=3).map(lambda records: {"Records": records})
    | event_bridges
    | r2s
    | gcs_resources
    | gcs_messages
)
messages = st.recursive(notifications, _wrapped, max_leaves=3).map(lambda message: json.dumps(message).encode())


def rows_of(message: bytes) -> Iterator[Record]:
    """The rows of whatever the message names, through the topics: labels for uploads, and rejections for all."""
    for upload in parse(message):
        if isinstance(upload, ImageUploaded):
            label = _classified(upload)
            yield record_of(decode_classified(encode(label)))
            event = rejected(upload, "not_a_pet", "", user_name=None, at=NOON, model=MODEL, message=message)
            yield record_of(decode_rejected(encode(event)))
        elif isinstance(upload, Malformed):
            event = malformed(upload, received=NOON, at=NOON, model=MODEL, message=message)
            yield record_of(decode_rejected(encode(event)))


def split(rows: list[Record]) -> tuple[list[ClassificationRecord], list[RejectionRecord]]:
    """As the store takes them."""
    labels = [row for row in rows if isinstance(row, ClassificationRecord)]
    return labels, [row for row in rows if isinstance(row, RejectionRecord)]


def _classified(upload: ImageUploaded) -> ImageClassified:
    return ImageClassified(
        id=upload.id,
        user_name="ann",
        image_url=upload.url,
        bucket=upload.bucket,
        key=upload.key,
        version_id=upload.version_id,
        etag=upload.etag,
        sequencer=upload.sequencer,
        classification="cat",
        confidence=0.5,
        scores=Scores(cat=0.5, dog=0.5, neither=0),
        processing_time_ms=1,
        uploaded_at=upload.uploaded_at,
        classified_at=NOON,
        model=MODEL,
    )
