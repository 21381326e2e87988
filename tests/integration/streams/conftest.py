import pytest


@pytest.fixture
def unannounced(upload_prefix: str) -> str:
    """A folder whose uploads the bucket tells nobody of: only a test's own messages do."""
    return upload_prefix.replace("uploads/", "outside/", 1)
