"""What a bucket says of an object beside what is stored of it: is its outcome there, and is it this version's? Pure."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, get_args

from streams.backfill.listing import Listed

if TYPE_CHECKING:
    from persistence.versions import StoredVersion

Verdict = Literal["ok", "missing", "outdated", "waiting", "pending"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)

BELIEVED_AHEAD: Final = timedelta(days=1)
"""How far ahead a stored version's time may be: a clock may be wrong by a time zone, and a run takes hours."""
TRUNCATED: Final = timedelta(seconds=1)
"""A listing's times have whole seconds on Amazon S3, an event's have milliseconds."""
JUST_AFTER: Final = timedelta(microseconds=1)
"""The least step of PostgreSQL's timestamptz; events of S3 are milliseconds apart."""


def compare(
    listed: Listed, stored: "StoredVersion | None", *, now: datetime, grace: timedelta, waits: bool = False
) -> Verdict:
    """
    Judge one object.

    Args:
        listed: The object as the bucket has it.
        stored: The newest outcome of it in either table.
        now: Aware.
        grace: An object that was written this recently may be on its way.
        waits: It is on its way: a message in Kafka names it that is not finished.

    Returns:
        ok: its outcome is stored, and is of this version. missing: it has none. outdated: its outcome is of another
        version, or says that the object was missing. waiting: one of these two, and on its way. pending: one of the
        first two, and younger than ``grace``.
    """
    if stored is not None and is_current(listed, stored):
        return "ok"
    if waits:
        return "waiting"
    # A version may have been stored after the page was listed: then the listing is what is old. One from years ahead,
    # of a clock that nobody set, says nothing of that: it would be pending until then, and nobody would be told.
    youngest = listed.last_modified
    if stored is not None and stored.uploaded_at <= now + BELIEVED_AHEAD:
        youngest = max(youngest, stored.uploaded_at)
    if now - youngest < grace:
        return "pending"
    return "missing" if stored is None else "outdated"


def is_current(listed: Listed, stored: "StoredVersion") -> bool:
    """
    Whether the stored outcome is of the bytes that the bucket has now.

    By etag: equal bytes have equal outcomes. Where one side has none (a rejection before the object was read), by time.
    That an object was missing is never current while it is listed.
    """
    if stored.reason == "missing":
        return False
    if listed.etag is not None and stored.etag is not None:
        return listed.etag == stored.etag
    return listed.last_modified < stored.uploaded_at + TRUNCATED


def uploaded_at(listed: Listed, stored: "StoredVersion | None") -> datetime:
    """
    The time that our own event claims, which with the stored sequencer makes it lose or win as it should.

    Nothing stored: LastModified. What is stored is current: the stored time, so that only a newer model wins. Else
    LastModified, and at least just after the stored time, since LastModified may lie before it (whole seconds; the
    beginning of a multipart upload). A real later upload beats it by its sequencer, or by its time where it has none.
    """
    if stored is None:
        return listed.last_modified
    if is_current(listed, stored):
        return stored.uploaded_at
    return max(listed.last_modified, stored.uploaded_at + JUST_AFTER)
