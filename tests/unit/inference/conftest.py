from tests.inference_fixtures import cat, drawn, spec, without_cuda

__all__ = ["cat", "drawn", "spec", "without_cuda"]
