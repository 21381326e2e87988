from pathlib import Path

import pytest
import torch

from inference.lab import checkpoint

PLAN = {"epochs": 6, "pictures": "ab12", "start": {"package": "p"}}


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "0.checkpoint"
    assert checkpoint.load(file) is None
    kernel = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    checkpoint.save(file, {"step": 3, "kernel": kernel, "logits": [torch.ones(2, 3)], "optimiser": {"state": {}}})
    found = checkpoint.load(file)
    assert found is not None
    assert torch.equal(found["kernel"], kernel)
    assert found["kernel"].stride() == kernel.stride(), "sums depend on the order of memory"
    assert found["step"] == 3


def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "0.checkpoint"
    checkpoint.save(file, {"step": 3})
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"0\.checkpoint is damaged.*remove the folder"):
        checkpoint.load(file)


def test_what_a_kill_left_of_a_checkpoint_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".0.checkpoint.x1y2").write_bytes(b"half")
    checkpoint.save(tmp_path / "0.checkpoint", {"step": 3})
    with checkpoint.opened(tmp_path, PLAN):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["0.checkpoint", "lock", "plan.json"]


def test_a_folder_belongs_to_one_plan_and_what_differs_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with checkpoint.opened(folder, PLAN):
        pass
    with checkpoint.opened(folder, dict(reversed(PLAN.items()))):
        pass
    changed = PLAN | {"epochs": 8, "pictures": "cd34"}
    with (
        pytest.raises(ValueError, match=r"other epochs \(6, now 8\), pictures \(ab12, now cd34\)\. Continue"),
        checkpoint.opened(folder, changed),
    ):
        pass
    checkpoint.remove(folder)
    with checkpoint.opened(folder, changed):
        pass


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        checkpoint.opened(tmp_path, PLAN),
        pytest.raises(ValueError, match="Another training runs in"),
        checkpoint.opened(tmp_path, PLAN),
    ):
        pass


def test_a_damaged_plan_and_a_missing_parent_are_told(tmp_path: Path) -> None:
    for content in (b"{", b"[]", b"\xff"):
        (tmp_path / "plan.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"plan\.json is damaged"), checkpoint.opened(tmp_path, PLAN):
            pass
    with pytest.raises(FileNotFoundError), checkpoint.opened(tmp_path / "none" / "work", PLAN):
        pass
