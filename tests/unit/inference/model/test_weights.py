"""Trained weights as a file: what is written is read, and what is broken is refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference.errors import ModelUnusable
from inference.model import weights


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    torch.manual_seed(0)
    kernel = torch.randn(4, 3, 3, 3).contiguous(memory_format=torch.channels_last)
    return {"conv.weight": kernel, "bn.running_var": torch.tensor([1e6, 1e-6]), "classifier.weight": torch.randn(3, 4)}


def test_matrices_come_back_as_half_precision_keeps_them_and_vectors_exactly(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    file = tmp_path / "a.safetensors"
    weights.write(file, tensors | {"bn.num_batches_tracked": torch.tensor(7)}, {})
    found = weights.read(file)
    assert found.keys() == tensors.keys()
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    assert torch.equal(found["conv.weight"], tensors["conv.weight"].half().float())
    assert torch.equal(found["bn.running_var"], tensors["bn.running_var"])


def test_the_same_weights_give_the_same_bytes(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    metadata = {"arch": "a", "seed": 1, "nested": {"b": [1, 2], "a": None}}
    weights.write(one, tensors, metadata)
    weights.write(other, tensors, dict(reversed(metadata.items())))
    assert one.read_bytes() == other.read_bytes()
    assert weights.read_metadata(one) == metadata


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e6], ids=["nan", "infinite", "beyond float16"])
def test_numbers_that_cannot_be_stored_are_refused_and_nothing_is_written(
    tmp_path: Path, tensors: dict[str, Tensor], number: float
) -> None:
    tensors["classifier.weight"][1, 2] = number
    with pytest.raises(ValueError, match=r"classifier\.weight has numbers that are not finite"):
        weights.write(tmp_path / "a.safetensors", tensors, {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_numbers_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"fc": torch.tensor([1.0, float("nan")])}, tmp_path / "a.safetensors")
    with pytest.raises(ModelUnusable, match="fc has numbers that are not finite"):
        weights.read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 a model file", b"{}"])
def test_another_file_is_refused_with_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "a.safetensors"
    if content is not None:
        file.write_bytes(content)
    for reading in (weights.read, weights.read_metadata):
        with pytest.raises(ModelUnusable, match=r"a\.safetensors cannot be read as trained weights.*model train"):
            reading(file)


def test_metadata_that_are_no_object_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"fc": torch.ones(2)}, tmp_path / "a.safetensors", {"petstream": "[]"})
    with pytest.raises(ModelUnusable, match="cannot be read as trained weights"):
        weights.read_metadata(tmp_path / "a.safetensors")


def test_a_missing_file_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"weights: no such file\. Name") as told:
        weights.read(tmp_path / "a.safetensors")
    assert str(told.value).count("a.safetensors") == 1


def test_a_file_of_another_program_has_no_metadata_of_ours(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"fc": torch.ones(2)}, tmp_path / "a.safetensors", {"format": "pt"})
    assert weights.read_metadata(tmp_path / "a.safetensors") == {}
