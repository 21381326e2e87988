from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
import pytest

from persistence.errors import EXPIRES_CONNECTIONS, PersistenceError
from persistence.pool import Pool
from persistence.records import ClassificationRecord
from persistence.store import Store


class FailingPool:
    """Answer every acquisition with one error, and count what it is told to forget."""

    def __init__(self, sqlstate: str) -> None:
        self._sqlstate = sqlstate
        self.expired = 0

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - asyncpg's signature
        if self._sqlstate:
            raise asyncpg.PostgresError.new({"C": self._sqlstate, "M": "no"})
        yield

    async def expire_connections(self) -> None:
        self.expired += 1


@pytest.mark.parametrize("sqlstate", sorted(EXPIRES_CONNECTIONS))
async def test_connections_to_a_server_that_changed_are_opened_anew(
    classification: Callable[..., ClassificationRecord], sqlstate: str
) -> None:
    pool = FailingPool(sqlstate)
    with pytest.raises(PersistenceError):
        await Store(cast("Pool", pool)).upsert([classification()])
    assert pool.expired == 1


@pytest.mark.parametrize("sqlstate", ["40P01", "55P03", "23514", "42P01", "57014", "28000", "28P01"])
async def test_other_errors_leave_the_connections_alone(
    classification: Callable[..., ClassificationRecord], sqlstate: str
) -> None:
    pool = FailingPool(sqlstate)
    with pytest.raises(PersistenceError):
        await Store(cast("Pool", pool)).upsert([classification()])
    assert pool.expired == 0
