import pytest

from deploy.local.stack import Stack
from tests.integration.subscribers.publishing import Results


@pytest.fixture
def results(stack: Stack, topic_prefix: str) -> Results:
    """Result topics of the test's own."""
    return Results(stack, topic_prefix)
