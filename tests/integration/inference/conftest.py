from tests.inference_fixtures import cat, data, drawn, spec, without_cuda

__all__ = ["cat", "data", "drawn", "spec", "without_cuda"]
