"""The engine for devices, on torch's device "cpu": all of it but graphs and streams. Those are in test_cuda_device."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.engines import cuda
from inference.engines.cuda import CudaEngine
from inference.engines.cuda_options import Options
from inference.errors import ModelUnusable
from tests import tiny_model

SIDE = tiny_model.SIDE


@pytest.fixture
def module(tmp_path: Path) -> Any:
    return loaded(tiny_model.write(tmp_path / "tiny.pt"))


def loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*is deprecated")
        return torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]


def pictures(count: int, side: int = SIDE) -> list[NDArray[np.uint8]]:
    return [np.random.default_rng(n).integers(0, 256, (side, side, 3), dtype=np.uint8) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 40])
def test_every_number_of_pictures_gets_its_own_scores_in_order(module: Any, count: int) -> None:
    engine = CudaEngine(module, SIDE, max_batch_size=8, device="cpu")
    images = pictures(count)
    expected = module(torch.from_numpy(np.stack(images))).numpy()
    assert np.abs(engine.run(images) - expected).max() < 1e-2
    engine.close()


def test_no_pictures_are_no_rows(module: Any) -> None:
    assert CudaEngine(module, SIDE, max_batch_size=2, device="cpu").run([]).shape == (0, 3)


def test_a_picture_scores_the_same_whatever_shared_its_memory_before(module: Any) -> None:
    engine = CudaEngine(module, SIDE, max_batch_size=4, device="cpu")
    first = engine.run(pictures(3))
    engine.run([np.full((SIDE, SIDE, 3), 255, np.uint8)] * 8)
    assert np.array_equal(engine.run(pictures(3)), first)


def test_only_prepared_sizes_reach_the_module(module: Any) -> None:
    engine = CudaEngine(module, SIDE, max_batch_size=16, device="cpu")
    sizes, forward = [], engine._forward

    def noting(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        return forward(batch)

    engine._forward = noting
    for count in (1, 3, 16, 37):
        engine.run(pictures(count))
    assert sizes == [1, 4, 16, 16, 16, 8]


def test_it_is_warm_in_every_size_when_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    from inference.engines.half import halved

    def noting(module: Any) -> Any:
        forward = halved(module)

        def run(batch: torch.Tensor) -> torch.Tensor:
            sizes.append(len(batch))
            return forward(batch)

        return run

    monkeypatch.setattr(cuda, "halved", noting)
    CudaEngine(loaded(tiny_model.write(tmp_path / "tiny.pt")), SIDE, max_batch_size=32, device="cpu")
    assert {size for size in sizes if sizes.count(size) >= 3} == {1, 2, 4, 8, 16, 32}


def test_a_batch_that_failed_half_way_leaves_the_next_one_unharmed(module: Any) -> None:
    engine = CudaEngine(module, SIDE, max_batch_size=4, device="cpu")
    expected, forward, calls = engine.run(pictures(12)), engine._forward, []

    def failing(batch: torch.Tensor) -> torch.Tensor:
        calls.append(len(batch))
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(batch)

    engine._forward = failing
    with pytest.raises(torch.OutOfMemoryError):
        engine.run(pictures(12))
    assert np.array_equal(engine.run(pictures(12)), expected)


def test_it_says_what_it_is_and_what_it_does_not_do(module: Any) -> None:
    engine = CudaEngine(module, SIDE, max_batch_size=2, device="cpu", options=Options(graphs=True))
    assert engine.name == "cuda cpu half"
    assert engine.notes == ["graphs are not used: they are for CUDA devices"]
    exact = CudaEngine(module, SIDE, max_batch_size=2, device="cpu", options=Options("float32", graphs=False))
    assert (exact.name, exact.notes) == ("cuda cpu float32", [])
    assert exact.tolerance < engine.tolerance < 1


class Steep(torch.nn.Module):
    """What is left of its first convolution is a difference that half precision does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 3, 1)
        torch.nn.init.eye_(self.convolution.weight.data[:, :, 0, 0])
        torch.nn.init.constant_(self.convolution.bias, 0)  # type: ignore[arg-type]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pixels = self.convolution(images.permute(0, 3, 1, 2).float() + 30000).mean((2, 3)) - 30000
        scores: torch.Tensor = (pixels * 0.05).softmax(1)
        return scores


class Unknown(torch.nn.Module):
    """An operator that wants both its sides of one type."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 3, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pixels = images.permute(0, 3, 1, 2).float()
        seen = self.convolution(pixels)
        scores: torch.Tensor = (seen.mean((2, 3)) + 0 * torch.dot(seen.flatten(), pixels.flatten())).softmax(1)
        return scores


@pytest.mark.parametrize(
    ("network", "why"), [(Steep, "scores would be off by"), (Unknown, "RuntimeError: ")], ids=["inexact", "impossible"]
)
def test_a_module_that_half_precision_harms_runs_in_float32_and_says_why(
    network: type[torch.nn.Module], why: str, tmp_path: Path
) -> None:
    from inference.model.archive import archive

    path = tmp_path / "model.pt"
    torch.manual_seed(0)
    path.write_bytes(archive(network().eval(), SIDE, {}))
    module = loaded(path)
    engine = CudaEngine(module, SIDE, max_batch_size=2, device="cpu", options=Options(graphs=False))
    assert engine.name == "cuda cpu float32"
    assert engine.notes[0].startswith(f"half precision is not used: {why}")
    with torch.inference_mode():
        expected = module(torch.from_numpy(np.stack(pictures(2)))).numpy()
    assert np.abs(engine.run(pictures(2)) - expected).max() < 1e-5


def test_a_closed_engine_does_nothing_and_may_be_closed_again(module: Any) -> None:
    engine = CudaEngine(module, SIDE, max_batch_size=2, device="cpu")
    engine.close()
    engine.close()
    with pytest.raises((RuntimeError, IndexError)):
        engine.run(pictures(1))


@pytest.mark.parametrize(
    ("cuda_version", "said"),
    [(None, "built without CUDA: install a build with it"), ("13.0", "nvidia-smi must list one here")],
)
def test_without_a_device_it_says_what_to_do(
    cuda_version: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", cuda_version)
    missing = cuda.missing()
    assert missing is not None
    assert said in missing
    assert "ENGINE=auto" in missing


def test_what_torch_says_about_the_driver_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def available() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old", stacklevel=1)
        return False

    monkeypatch.setattr("torch.cuda.is_available", available)
    monkeypatch.setattr("torch.version.cuda", "13.0")
    assert "driver on your system is too old" in str(cuda.missing())


def test_asking_for_a_device_where_there_is_none_is_refused_before_the_file_is_read(
    tmp_path: Path, without_cuda: None
) -> None:
    from inference.classifier import load

    with pytest.raises(ModelUnusable, match=r"The engine cuda cannot run here. There is no device."):
        load(tmp_path / "missing.pt", engine="cuda")


@pytest.fixture
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """``load`` takes torch's device "cpu" for a GPU."""
    from inference import engines

    def made(*args: Any, **options: Any) -> CudaEngine:
        return CudaEngine(*args, **options, device="cpu")

    monkeypatch.setattr(engines, "choose", lambda _name: None)
    monkeypatch.setattr("inference.classifier.choose", lambda _name: engines.Choice("cuda", "cpu", "a test"))
    monkeypatch.setattr("inference.engines.cuda.CudaEngine", made)


@pytest.mark.usefixtures("on_the_cpu")
def test_a_model_is_verified_on_it_and_shows_why_it_runs_as_it_does(tmp_path: Path) -> None:
    from inference.classifier import load

    classifier = load(tiny_model.write(tmp_path / "tiny.pt"), engine="cuda", max_batch_size=2)
    assert classifier.engine == "cuda cpu half"
    assert classifier.why == "a test; graphs are not used: they are for CUDA devices"
    classifier.close()


@pytest.mark.usefixtures("on_the_cpu")
def test_a_device_without_memory_for_the_model_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.classifier import load

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr("inference.engines.cuda.CudaEngine", full)
    with pytest.raises(ModelUnusable, match=r"too little memory .* lower BATCH_MAX_SIZE"):
        load(tiny_model.write(tmp_path / "tiny.pt"), engine="cuda")


@pytest.mark.usefixtures("on_the_cpu")
def test_wrong_golden_answers_are_refused_in_half_precision_too(tmp_path: Path) -> None:
    from inference.classifier import load

    path = tiny_model.write(tmp_path / "tiny.pt", golden=[{"pattern": 0, "scores": [0.2, 0.3, 0.5]}])
    with pytest.raises(ModelUnusable, match="does not reproduce"):
        load(path, engine="cuda")


def choosing(monkeypatch: pytest.MonkeyPatch, *, device: bool) -> Callable[..., Any]:
    from inference.engines import choose

    monkeypatch.setattr("inference.engines.driver.is_loadable", lambda: True)
    monkeypatch.setattr(cuda, "missing", lambda: None if device else "There is no device.")
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA H100")
    return choose


def test_auto_takes_the_device_if_there_is_one_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choosing(monkeypatch, device=True)("auto")
    assert (choice.name, choice.device, choice.why) == ("cuda", "cuda", "torch sees NVIDIA H100")


def test_without_the_driver_auto_does_not_load_torch_to_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = choosing(monkeypatch, device=True)
    monkeypatch.setattr("inference.engines.driver.is_loadable", lambda: False)
    assert choose("auto").name == "openvino"


def test_without_a_device_auto_takes_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choosing(monkeypatch, device=False)("auto")
    assert (choice.name, choice.device) == ("openvino", "cpu")
    assert choice.why == "no CUDA device; openvino is installed, and faster than torchscript"


@pytest.mark.parametrize("name", ["openvino", "torchscript"])
def test_an_engine_that_is_asked_for_by_name_runs_even_beside_a_device(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    choice = choosing(monkeypatch, device=True)(name)
    assert (choice.name, choice.device) == (name, "cpu")
