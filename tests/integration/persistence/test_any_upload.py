"""What any event names is stored: PostgreSQL refuses none of the rows that notifications can lead to."""

import pytest
from hypothesis import HealthCheck, given, settings

from persistence.pool import Pool
from persistence.store import Store
from tests.any_upload import messages, rows_of, split
from tests.dialects import body, s3_record


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=messages)
async def test_a_row_of_any_event_is_stored(store: Store, message: bytes) -> None:
    labels, rejections = split(list(rows_of(message)))
    assert (await store.upsert(labels, rejections)).rows == len(labels) + len(rejections)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00"])
async def test_an_object_is_in_the_account_whatever_time_its_event_states(store: Store, pool: Pool, time: str) -> None:
    labels, _ = split(list(rows_of(body({"Records": [s3_record("k", eventTime=time)]}))))
    await store.upsert(labels, [])
    assert await pool.fetchval("SELECT count(*) FROM image_outcomes") == 1
