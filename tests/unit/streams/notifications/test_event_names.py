import pytest

from streams.notifications.event_names import SKIP_KINDS, SkipKind, event_bridge_skip_kind, r2_skip_kind, skip_kind

PREFIXES = ("", "s3:")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "name",
    [
        *("ObjectCreated:Put", "ObjectCreated:Post", "ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload"),
        "ObjectCreated:Listed",  # ours
        "ObjectCreated:*",
        "ObjectCreated:SomethingThatNobodyHasToldUsOf",
        *("ObjectSynced:Create", "Replication:Create"),  # Ceph, in the zone that a write reaches later
    ],
)
def test_a_write_is_taken(prefix: str, name: str) -> None:
    assert skip_kind(prefix + name) is None


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((f"ObjectCreated:{verb}Tagging", "metadata") for verb in ("Put", "Delete", "PutObject")),
        ("ObjectCreated:PutRetention", "metadata"),
        ("ObjectCreated:PutLegalHold", "metadata"),
        ("ObjectCreated:PutObjectLegalHold", "metadata"),
        ("ObjectCreated:PutAcl", "metadata"),
        ("ObjectCreated:PutObjectAcl", "metadata"),
        ("ObjectCreated:puttagging", "metadata"),
        ("ObjectTagging:Put", "metadata"),
        ("ObjectAcl:Put", "metadata"),
        ("ObjectRemoved:Delete", "removed"),
        ("ObjectRemoved:DeleteMarkerCreated", "removed"),
        ("ObjectRemoved:NoOP", "removed"),
        ("LifecycleExpiration:Delete", "removed"),
        ("LifecycleDelMarkerExpiration:Delete", "removed"),
        ("ObjectSynced:DeletionMarkerCreated", "removed"),
        ("TestEvent", "test"),
        ("ObjectRestore:Completed", "other"),
        ("ObjectAccessed:Get", "other"),
        ("Replication:OperationCompletedReplication", "other"),
        ("IntelligentTiering", "other"),
        ("objectcreated:Put", "other"),
        ("", "other"),
    ],
)
def test_what_writes_no_bytes_is_skipped_under_its_kind(prefix: str, name: str, kind: SkipKind) -> None:
    assert skip_kind(prefix + name) == kind
    assert kind in SKIP_KINDS


@pytest.mark.parametrize(
    ("detail_type", "kind"),
    [
        ("Object Created", None),
        ("Object Deleted", "removed"),
        ("Object Tags Added", "metadata"),
        ("Object Tags Deleted", "metadata"),
        ("Object ACL Updated", "metadata"),
        ("Object Restore Completed", "other"),
        ("AWS API Call via CloudTrail", "other"),
    ],
)
def test_event_bridge_has_names_of_its_own(detail_type: str, kind: SkipKind | None) -> None:
    assert event_bridge_skip_kind(detail_type) == kind


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("PutObject", None),
        ("CopyObject", None),
        ("CompleteMultipartUpload", None),
        ("DeleteObject", "removed"),
        ("LifecycleDeletion", "removed"),
        ("SomethingElse", "other"),
    ],
)
def test_r2_has_names_of_its_own(action: str, kind: SkipKind | None) -> None:
    assert r2_skip_kind(action) == kind
