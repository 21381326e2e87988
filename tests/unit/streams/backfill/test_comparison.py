from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from persistence.versions import StoredVersion
from streams.backfill.comparison import compare, uploaded_at
from streams.backfill.listing import Listed
from streams.backfill.notification import message_key, notification
from streams.contracts.identity import NO_SEQUENCER, pad_sequencer
from streams.notifications.folders import is_folder
from streams.notifications.upload import ImageUploaded, parse

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GRACE = timedelta(minutes=5)
LATER = NOON + timedelta(days=1)

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants its bounds naive
etags = st.none() | st.sampled_from(["a", "b"])
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
objects = st.builds(
    Listed,
    key=st.just("uploads/ann/1.jpg"),
    last_modified=moments.map(lambda each: each.replace(microsecond=0)),
    size_bytes=st.integers(0, 2**40),
    etag=etags,
)
versions = st.builds(
    StoredVersion,
    sequencer=st.sampled_from([NO_SEQUENCER, pad_sequencer("0055AED6DCD90281E5"), "8" * 64]),
    uploaded_at=moments,
    model_rev=st.integers(0, 5),
    etag=etags,
    reason=st.none() | st.sampled_from(["missing", "not_a_pet", "forbidden"]),
)


def listed(etag: str | None = "a", at: datetime = NOON) -> Listed:
    return Listed("uploads/ann/1.jpg", at, 7, etag)


def stored(etag: str | None = "a", at: datetime = NOON, reason: str | None = None) -> StoredVersion:
    return StoredVersion(pad_sequencer("F1"), at, 1, etag, reason)


def order(event: ImageUploaded, model_rev: int) -> tuple[str, datetime, int]:
    """The version order, as the statement of persistence/upsert.py compares it."""
    return event.sequencer, event.uploaded_at, model_rev


def event_of(one: Listed, known: StoredVersion | None) -> ImageUploaded:
    (event,) = parse(notification("backfill", "pets", one, known))
    assert isinstance(event, ImageUploaded)
    return event


def test_a_version_from_years_ahead_is_not_waited_for() -> None:
    ahead = stored("b", datetime(2099, 1, 1, tzinfo=UTC))
    assert compare(listed(), ahead, now=LATER, grace=GRACE) == "outdated"
    assert compare(listed(), stored("b", LATER + timedelta(hours=12)), now=LATER, grace=GRACE) == "pending"


def test_each_verdict() -> None:
    def judged(one: Listed, known: StoredVersion | None, now: datetime = LATER) -> str:
        return compare(one, known, now=now, grace=GRACE)

    assert judged(listed(), stored()) == "ok"
    assert judged(listed(), stored(reason="not_a_pet")) == "ok"
    assert judged(listed(), None) == "missing"
    assert judged(listed(), None, NOON + timedelta(minutes=4)) == "pending"
    assert judged(listed("b"), stored()) == "outdated"
    assert judged(listed("b"), stored(), NOON + timedelta(minutes=4)) == "pending"
    assert judged(listed(), stored(reason="missing")) == "outdated"


def test_what_is_on_its_way_is_no_finding_and_what_is_stored_does_not_wait() -> None:
    def judged(known: StoredVersion | None, now: datetime = LATER) -> str:
        return compare(listed(), known, now=now, grace=GRACE, waits=True)

    assert judged(stored()) == "ok"
    assert judged(None) == judged(stored("b")) == judged(stored(reason="missing")) == "waiting"
    assert judged(None, NOON) == "waiting"


def test_a_time_that_was_cut_to_seconds_makes_no_difference() -> None:
    precise = NOON + timedelta(milliseconds=730)
    assert compare(listed(), stored(at=precise), now=LATER, grace=GRACE) == "ok"
    assert compare(listed(None), stored(None, at=precise), now=LATER, grace=GRACE) == "ok"
    assert uploaded_at(listed(), stored(at=precise)) == precise


def test_without_etags_the_times_decide() -> None:
    assert compare(listed(None), stored(None), now=LATER, grace=GRACE) == "ok"
    assert compare(listed("a", NOON + timedelta(hours=1)), stored(None), now=LATER, grace=GRACE) == "outdated"


def test_a_version_that_was_stored_just_now_is_newer_than_the_listing() -> None:
    just_now = LATER - timedelta(seconds=1)
    assert compare(listed("a"), stored("b", just_now), now=LATER, grace=GRACE) == "pending"


@given(one=objects, known=st.none() | versions, now=moments, grace=st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_verdict_says_what_it_means(
    one: Listed, known: StoredVersion | None, now: datetime, grace: timedelta
) -> None:
    verdict = compare(one, known, now=now, grace=grace)
    if verdict == "ok":
        assert known is not None
        assert known.reason != "missing"
        assert None in (one.etag, known.etag) or one.etag == known.etag
    elif verdict == "missing":
        assert known is None
        assert now - one.last_modified >= grace
    elif verdict == "outdated":
        assert known is not None
        assert one.etag != known.etag or known.reason == "missing" or one.etag is None
        assert now - one.last_modified >= grace
    else:
        youngest = max(one.last_modified, known.uploaded_at) if known else one.last_modified
        assert now - youngest < grace
    # Waiting long enough ends every "pending", and changes no other verdict.
    forever = compare(one, known, now=datetime(2100, 1, 1, tzinfo=UTC), grace=grace)
    assert forever == verdict if verdict != "pending" else forever in {"missing", "outdated"}


@given(one=objects, known=versions)
def test_our_event_about_the_stored_version_changes_nothing_and_a_newer_model_wins(
    one: Listed, known: StoredVersion
) -> None:
    assume(known.reason != "missing")
    event = event_of(replace(one, etag="same"), replace(known, etag="same"))
    there = (known.sequencer, known.uploaded_at, known.model_rev)
    assert order(event, known.model_rev) == there
    assert order(event, known.model_rev + 1) > there


@given(one=objects, known=versions)
def test_our_event_about_a_lost_overwrite_wins_and_loses_to_a_real_later_upload(
    one: Listed, known: StoredVersion
) -> None:
    if known.reason != "missing":  # which is never so of an object that is listed
        one, known = replace(one, etag="other"), replace(known, etag="stored")
    event = event_of(one, known)
    assert order(event, 0) > (known.sequencer, known.uploaded_at, known.model_rev)
    # Events of S3 are milliseconds apart, and each has a greater sequencer than the one before.
    later = max(known.uploaded_at, one.last_modified) + timedelta(milliseconds=1)
    assert order(event, 99) < (f"{int(known.sequencer, 16) + 1:064X}", later, 0)
    assert order(event, 99) < (known.sequencer, later, 0)  # a store that gives none


@example(key="a+b %20&é/../\n\0'\"\\.jpg", one=Listed("", NOON, 7), known=None)
@given(key=keys, one=objects, known=st.none() | versions)
def test_our_dialect_says_exactly_which_object_is_meant(key: str, one: Listed, known: StoredVersion | None) -> None:
    assume(not is_folder(key, one.size_bytes))  # scope.py skips folders before
    one = replace(one, key=key)
    event = event_of(one, known)
    assert (event.bucket, event.key, event.size_bytes, event.etag) == ("pets", one.key, one.size_bytes, one.etag)
    assert event.uploaded_at == uploaded_at(one, known)
    assert event.sequencer == (known.sequencer if known else NO_SEQUENCER)
    assert event.version_id is None
    assert message_key("pets", one) == f"pets/{one.key}".encode()
