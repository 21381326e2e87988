import pytest

from tests.inference_fixtures import one_torch_thread

_one_thread = pytest.fixture(autouse=True, scope="module")(one_torch_thread)
