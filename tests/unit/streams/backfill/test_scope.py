from datetime import UTC, datetime, timedelta

import pytest

from streams.backfill.listing import Listed
from streams.backfill.scope import Scope

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PICTURE = Listed("uploads/ann/1.jpg", NOON, 7)


@pytest.mark.parametrize(
    ("scope", "listed", "skip"),
    [
        (Scope(), PICTURE, None),
        (Scope(), Listed("uploads/ann/", NOON, 0), "folders"),
        (Scope(), Listed("uploads/ann/", NOON, 7), None),
        (Scope(), Listed("uploads/empty.jpg", NOON, 0), None),
        (Scope(), Listed("old.jpg", NOON, 7, None, "GLACIER"), "archived"),
        (Scope(), Listed("old.jpg", NOON, 7, None, "DEEP_ARCHIVE"), "archived"),
        (Scope(), Listed("old.jpg", NOON, 7, None, "GLACIER_IR"), None),
        (Scope("uploads/*.jpg"), PICTURE, None),
        (Scope("*.png"), PICTURE, "filtered"),
        (Scope("*.JPG"), PICTURE, "filtered"),
        (Scope(since=NOON), PICTURE, None),
        (Scope(since=NOON + timedelta(seconds=1)), PICTURE, "filtered"),
        (Scope(until=NOON), PICTURE, "filtered"),
        (Scope(until=NOON + timedelta(seconds=1)), PICTURE, None),
    ],
)
def test_what_is_passed_over_and_why(scope: Scope, listed: Listed, skip: str | None) -> None:
    assert scope.skip(listed) == skip


def test_different_scopes_are_written_differently() -> None:
    scopes = [Scope(), Scope("None"), Scope(since=NOON), Scope(until=NOON), Scope("x", NOON, NOON)]
    assert len({str(scope) for scope in scopes}) == len(scopes)
