from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from tests import virtual_time as virtual


@pytest.fixture
def impatient() -> Iterator[None]:
    """Retries without waiting, as many as the policy allows (or a hundred, where it allows any number)."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
async def virtual_time() -> AsyncIterator[None]:
    """See tests/virtual_time.py."""
    with virtual.virtual_time():
        yield
