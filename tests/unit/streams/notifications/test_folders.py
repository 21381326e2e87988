"""One rule of what a folder is, for notifications and for listings."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streams.backfill.listing import Listed
from streams.backfill.notification import notification
from streams.backfill.scope import Scope
from streams.notifications.folders import is_folder
from streams.notifications.upload import Skipped, parse

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_an_object_of_unknown_size_is_no_folder() -> None:
    assert is_folder("a/", 0)
    assert not is_folder("a/", None)
    assert not is_folder("a/", 1)
    assert not is_folder("a", 0)


@given(KEYS | KEYS.map(lambda key: f"{key}/"), st.integers(0, 2))
def test_a_listing_and_the_notification_of_the_same_object_agree(key: str, size: int) -> None:
    listed = Listed(key, NOON, size)
    (told,) = parse(notification("backfill", "pets", listed))
    assert isinstance(told, Skipped) == (Scope().skip(listed) == "folders")
