import pytest

from tests.inference_fixtures import cat, data, drawn, one_torch_thread, spec, without_cuda

__all__ = ["cat", "data", "drawn", "spec", "without_cuda"]

_one_thread = pytest.fixture(autouse=True, scope="module")(one_torch_thread)
