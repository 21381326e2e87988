"""Outcomes of one version of one object, as replays make them: whatever order they come in, the same one stands."""

import itertools
import random
import uuid
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persistence.pool import Pool
from persistence.records import REASONS_BY_PROGRESS, ClassificationRecord, RejectionRecord
from persistence.store import Store, Upserted

Classification = Callable[..., ClassificationRecord]
Rejection = Callable[..., RejectionRecord]

LABELLED = "labelled"
OUTCOMES = (*REASONS_BY_PROGRESS, LABELLED)  # each beats those before it


async def test_a_rejection_that_got_further_replaces_one_of_the_same_version(
    store: Store, pool: Pool, rejection: Rejection
) -> None:
    for before, after in itertools.pairwise(REASONS_BY_PROGRESS):
        key = f"{before}.jpg"
        assert await store.upsert([], [rejection(key, reason=before)]) == Upserted(inserted=1)
        assert await store.upsert([], [rejection(key, reason=after, detail="later")]) == Upserted(updated=1)
        assert await store.upsert([], [rejection(key, reason=before)]) == Upserted(stale=1)
        assert await store.upsert([], [rejection(key, reason=after)]) == Upserted(stale=1)
        stored = await pool.fetchrow("SELECT reason, detail FROM image_rejections WHERE source_key = $1", key)
        assert tuple(stored or ()) == (after, "later")


async def test_getting_further_never_beats_a_newer_version(store: Store, pool: Pool, rejection: Rejection) -> None:
    await store.upsert([], [rejection(version=2, reason="too_many_bytes")])
    assert await store.upsert([], [rejection(version=1, reason="not_a_pet")]) == Upserted(stale=1)
    assert await store.upsert([], [rejection(version=2, reason="forbidden", model_rev=2)]) == Upserted(updated=1)
    assert await store.upsert([], [rejection(version=2, reason="not_a_pet", model_rev=1)]) == Upserted(stale=1)
    assert await pool.fetchval("SELECT reason FROM image_rejections") == "forbidden"


async def test_of_one_version_in_one_batch_the_furthest_is_stored(
    store: Store, pool: Pool, rejection: Rejection
) -> None:
    for key, order in (("1", (0, 1, 2)), ("2", (2, 1, 0)), ("3", (1, 2, 0))):
        batch = [rejection(key, reason=("forbidden", "no_user", "not_a_pet")[n]) for n in order]
        assert await store.upsert([], batch) == Upserted(inserted=1, stale=2)
    stored = await pool.fetch("SELECT reason FROM image_rejections")
    assert [row["reason"] for row in stored] == ["not_a_pet"] * 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(OUTCOMES)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
async def test_replays_in_any_order_converge_on_the_outcome_that_got_furthest(  # noqa: PLR0917 - fixtures and strategies
    store: Store,
    pool: Pool,
    classification: Classification,
    rejection: Rejection,
    attempts: list[tuple[int, str]],
    chance: random.Random,
    batch_size: int,
) -> None:
    key = f"{uuid.uuid4().hex}.jpg"  # a new object for each example: nothing has to be deleted between them

    def record(attempt: tuple[int, str]) -> ClassificationRecord | RejectionRecord:
        version, outcome = attempt
        if outcome == LABELLED:
            return classification(key, version=version)
        reason: dict[str, Any] = {"reason": outcome}
        return rejection(key, version=version, **reason)

    delivered = attempts + chance.choices(attempts, k=len(attempts))
    chance.shuffle(delivered)
    for start in range(0, len(delivered), batch_size):
        batch = [record(attempt) for attempt in delivered[start : start + batch_size]]
        await store.upsert(
            [each for each in batch if isinstance(each, ClassificationRecord)],
            [each for each in batch if isinstance(each, RejectionRecord)],
        )

    expected = max(attempts, key=lambda attempt: (attempt[0], OUTCOMES.index(attempt[1])))[1]
    (stored,) = await pool.fetch("SELECT outcome, reason FROM image_outcomes WHERE source_key = $1", key)
    assert (stored["reason"] or LABELLED) == expected
