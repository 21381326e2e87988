"""Selects the listed objects of a backfill or a reconciliation, with a reason for each skipped object. Pure."""

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, Literal

from streams.backfill.listing import Listed
from streams.notifications.folders import is_folder

Skip = Literal["folders", "archived", "filtered"]

_ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects must be restored before a read. Source: Amazon S3 User Guide, "Storage classes"."""


@dataclass(frozen=True, slots=True)
class Scope:
    """
    The filters of a run: a glob over the whole key (``*`` also matches slashes), and a range of LastModified.

    ``since`` is inclusive, ``until`` is exclusive; both are aware.
    """

    match: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def skip(self, listed: Listed) -> Skip | None:
        """Why this object is skipped; None if it is selected."""
        if is_folder(listed.key, listed.size_bytes):
            return "folders"
        if self.match is not None and not fnmatchcase(listed.key, self.match):
            return "filtered"
        if self.since is not None and listed.last_modified < self.since:
            return "filtered"
        if self.until is not None and listed.last_modified >= self.until:
            return "filtered"
        return "archived" if listed.storage_class in _ARCHIVES else None

    def __str__(self) -> str:
        """A canonical text: equal scopes have equal texts."""
        return f"match={self.match!r} since={_text(self.since)} until={_text(self.until)}"


def _text(moment: datetime | None) -> str:
    return "any" if moment is None else moment.isoformat()
