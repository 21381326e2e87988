"""Of the outcomes of one object the newest passes, by the order that the tables have."""

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from persistence.records import REASONS_BY_PROGRESS
from streams.contracts import REASONS, ImageClassified, ImageRejected, Model, Reason
from streams.contracts.identity import pad_sequencer
from streams.contracts.versions import Newest, version
from tests.sinking import NOON, classified

FIRST = classified("pets", "a")


def rejected(reason: Reason) -> ImageRejected:
    same: dict[str, Any] = {name: getattr(FIRST, name) for name in ("id", "sequencer", "uploaded_at", "model")}
    absent: dict[str, Any] = dict.fromkeys(("user_name", "image_url", "bucket", "key", "version_id", "etag"))
    return ImageRejected(**same, **absent, reason=reason, detail="", rejected_at=NOON, upload_event=b"")


def test_reasons_have_the_order_of_the_tables() -> None:
    assert REASONS == REASONS_BY_PROGRESS


@pytest.mark.parametrize(
    "newer",
    [
        msgspec.structs.replace(FIRST, sequencer=pad_sequencer("2"), uploaded_at=NOON - timedelta(days=1)),
        msgspec.structs.replace(FIRST, uploaded_at=NOON + timedelta(microseconds=1)),
        msgspec.structs.replace(FIRST, model=Model(name="m", version="2", rev=2, sha256="")),
    ],
)
def test_a_newer_outcome_passes_and_the_older_one_does_not_come_back(newer: Any) -> None:
    newest = Newest()
    assert [newest.passes(event) for event in (FIRST, newer, FIRST, newer)] == [True, True, False, False]


def test_of_one_version_the_outcome_that_got_further_stands_in_any_order() -> None:
    outcomes: list[ImageClassified | ImageRejected] = [rejected("forbidden"), rejected("not_a_pet"), FIRST]
    for order in itertools.permutations(outcomes):
        newest = Newest()
        assert [event for event in order if newest.passes(event)][-1] == FIRST
    assert max(outcomes, key=version) == FIRST


def test_objects_do_not_compete() -> None:
    newest, other = Newest(), classified("pets", "b", sequencer="0" * 64)
    assert newest.passes(FIRST)
    assert newest.passes(other)


def test_its_memory_is_bounded_and_keeps_who_came_last() -> None:
    newest = Newest(remembered=2)
    first, second, third = (classified("pets", key) for key in "abc")
    again = msgspec.structs.replace(first, sequencer=pad_sequencer("2"))
    assert all(newest.passes(event) for event in (first, second, again, third))
    assert not newest.passes(first)
    assert newest.passes(second)
