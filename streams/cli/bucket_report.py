"""Output of ``petstream backfill`` and ``petstream reconcile``: differences, then counts at the end. Pure."""

from collections.abc import Mapping

from streams.backfill.reconcile import Difference
from streams.cli.records_table import json_line
from streams.contracts.identity import image_id, image_url
from streams.runtime.printable import printable
from streams.runtime.utc import utc_text


def difference_line(bucket: str, difference: Difference) -> str:
    """One line of text, with the control characters of the key escaped."""
    listed = difference.listed
    line = f"{difference.verdict:<9} {utc_text(listed.last_modified)} {image_url(bucket, listed.key)}"
    return f"{printable(line)}\n"


def difference_json(bucket: str, difference: Difference) -> str:
    """One JSON object on a line, with the exact key."""
    listed, stored = difference.listed, difference.stored
    return json_line(
        {
            "verdict": difference.verdict,
            "id": image_id(bucket, listed.key),
            "image_url": image_url(bucket, listed.key),
            "key": listed.key,
            "last_modified": listed.last_modified,
            "size_bytes": listed.size_bytes,
            "etag": listed.etag,
            "stored_etag": stored.etag if stored else None,
            "stored_uploaded_at": stored.uploaded_at if stored else None,
            "stored_reason": stored.reason if stored else None,
        }
    )


def summary_text(counts: Mapping[str, int], *, dry_run: bool) -> str:
    """One line for each count."""
    lines = "".join(f"{name:<9} {count:>12,}\n" for name, count in counts.items())
    return lines + ("nothing was enqueued\n" if dry_run else "")


def summary_json(place: str, counts: Mapping[str, int], *, seconds: float, dry_run: bool) -> str:
    """The last line of a run with --json. Its field ``summary`` contains the place."""
    return json_line({"summary": place, "dry_run": dry_run, **counts, "seconds": round(seconds, 3)})
