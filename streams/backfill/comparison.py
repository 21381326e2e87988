"""Compares a listed object with its stored outcome: does one exist, and is it of this version? Pure."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, get_args

from streams.backfill.listing import Listed

if TYPE_CHECKING:
    from persistence.versions import StoredVersion

Verdict = Literal["ok", "missing", "outdated", "waiting", "pending"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)

BELIEVED_AHEAD: Final = timedelta(days=1)
"""How far in the future a stored time may be: a clock may be wrong by a time zone, and a run takes hours."""
TRUNCATED: Final = timedelta(seconds=1)
"""Times in listings of Amazon S3 have whole seconds, times in events have milliseconds."""
JUST_AFTER: Final = timedelta(microseconds=1)
"""The resolution of PostgreSQL's timestamptz; events of S3 are milliseconds apart."""


def compare(
    listed: Listed, stored: "StoredVersion | None", *, now: datetime, grace: timedelta, waits: bool = False
) -> Verdict:
    """
    Classify one object.

    Args:
        listed: The object in the bucket.
        stored: Its newest outcome in either table.
        now: Aware.
        grace: An object that was written this recently may still be in the pipeline.
        waits: Whether an unfinished message in Kafka names the object.

    Returns:
        ok: the outcome of this version is stored. missing: no outcome is stored. outdated: the stored outcome is of
        another version, or is a rejection as missing. waiting: missing or outdated, but a message waits in Kafka.
        pending: missing or outdated, but younger than ``grace``.
    """
    if stored is not None and is_current(listed, stored):
        return "ok"
    if waits:
        return "waiting"
    # A version that was stored after the page was listed is newer than the listing. A time far in the future comes from
    # a wrong clock and is ignored: otherwise the object would stay pending, unreported, until that time.
    youngest = listed.last_modified
    if stored is not None and stored.uploaded_at <= now + BELIEVED_AHEAD:
        youngest = max(youngest, stored.uploaded_at)
    if now - youngest < grace:
        return "pending"
    return "missing" if stored is None else "outdated"


def is_current(listed: Listed, stored: "StoredVersion") -> bool:
    """
    Whether the stored outcome is of the bytes that the bucket has now.

    Compares etags: equal bytes have equal outcomes. If one side has no etag (a rejection before the object was read),
    compares times. A rejection as missing is never current for a listed object.
    """
    if stored.reason == "missing":
        return False
    if listed.etag is not None and stored.etag is not None:
        return listed.etag == stored.etag
    return listed.last_modified < stored.uploaded_at + TRUNCATED


def uploaded_at(listed: Listed, stored: "StoredVersion | None") -> datetime:
    """
    The upload time of our own event. With the copied sequencer it decides which outcome wins.

    Nothing stored: LastModified. The stored outcome is current: its time, so that only a newer model wins. Otherwise
    LastModified, but at least just after the stored time: LastModified may be earlier, since it has whole seconds and
    is the beginning of a multipart upload. A later real upload wins by its sequencer, or by its time if it has none.
    """
    if stored is None:
        return listed.last_modified
    if is_current(listed, stored):
        return stored.uploaded_at
    return max(listed.last_modified, stored.uploaded_at + JUST_AFTER)
