"""
Which events mean that an object was written, and the kind of the others. Pure.

``ObjectCreated:`` has ``Put``, ``Post``, ``Copy`` and ``CompleteMultipartUpload`` (Amazon, MinIO, RustFS, Ceph) and our
own ``Listed``. MinIO and RustFS also report changes of tags, retention and legal hold there; the bytes are unchanged,
so these are skipped. Unknown names count as writes: classifying an object again costs one read, while skipping a new
one leaves it without an outcome until the next reconciliation.
"""

import re
from typing import Final, Literal, get_args

SkipKind = Literal["test", "removed", "metadata", "folder", "subscription", "other_source", "other"]
SKIP_KINDS: Final[tuple[SkipKind, ...]] = get_args(SkipKind)

_NOT_OF_THE_BYTES: Final = re.compile(
    r"tag|acl|retention|legal_?hold|object_?lock|metadata|encrypt|^(?:delete|abort|initiate)", re.IGNORECASE
)
_CEPH_REPLICAS: Final = frozenset({"ObjectSynced:Create", "Replication:Create"})
"""A write that Ceph replicated from another zone. Source: Ceph, "S3 Bucket Notifications Compatibility"."""
_R2_WRITES: Final = frozenset({"PutObject", "CopyObject", "CompleteMultipartUpload"})
_REMOVED: Final = re.compile(r"^ObjectRemoved:|Delet")
_METADATA: Final = re.compile(r"ObjectTagging:|ObjectAcl:|Object Tags |Object ACL ")


def skip_kind(event_name: str) -> SkipKind | None:
    """
    Why an event of an S3 notification is skipped; None if an object was written.

    Args:
        event_name: ``eventName`` of a record, with or without ``s3:``; or ``Event`` of a message without records.
    """
    name = event_name.removeprefix("s3:")
    group, _, operation = name.partition(":")
    if group == "ObjectCreated":
        return "metadata" if _NOT_OF_THE_BYTES.search(operation) else None
    return None if name in _CEPH_REPLICAS else _kind(name)


def event_bridge_skip_kind(detail_type: str) -> SkipKind | None:
    """The same for an event of Amazon EventBridge from S3."""
    return None if detail_type == "Object Created" else _kind(detail_type)


def r2_skip_kind(action: str) -> SkipKind | None:
    """The same for an event of Cloudflare R2. Source: Cloudflare, "R2 event notifications"."""
    return None if action in _R2_WRITES else _kind(action)


def _kind(name: str) -> SkipKind:
    if name == "TestEvent":
        return "test"
    if _METADATA.match(name):
        return "metadata"
    return "removed" if _REMOVED.search(name) else "other"
