from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture
def impatient() -> Iterator[None]:
    """Retries without waiting, as many as the policy allows (or a hundred, where it allows any number)."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
