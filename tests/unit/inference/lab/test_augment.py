import numpy as np
import pytest
import torch
from torch import Tensor

from inference.lab import augment


@pytest.fixture
def picture() -> Tensor:
    generator = np.random.default_rng(0)
    smooth = generator.integers(0, 256, (3, 6, 8)).repeat(6, 1).repeat(6, 2)
    return torch.from_numpy(smooth.astype(np.uint8))


AUGMENTATION = augment.augmentation(32)


def view(picture: Tensor, seed: int) -> Tensor:
    torch.manual_seed(seed)
    seen: Tensor = AUGMENTATION(picture)
    return seen


@pytest.mark.parametrize("shape", [(60, 80), (80, 60), (20, 60), (1, 3)])
def test_any_picture_gives_a_square_of_bytes(shape: tuple[int, int]) -> None:
    picture = torch.full((3, *shape), 90, dtype=torch.uint8)
    for seed in range(12):
        seen = view(picture, seed)
        assert (seen.shape, seen.dtype) == ((3, 32, 32), torch.uint8)


def test_the_seed_decides_and_the_picture_is_left_alone(picture: Tensor) -> None:
    before = picture.clone()
    views = [view(picture, seed) for seed in range(12)]
    assert all(torch.equal(view(picture, seed), seen) for seed, seen in enumerate(views))
    assert len({seen.numpy().tobytes() for seen in views}) > 8
    assert torch.equal(picture, before)


def test_each_kind_of_damage_comes_up(picture: Tensor) -> None:
    views = [view(picture, seed) for seed in range(300)]
    grey = sum(bool((seen[0] == seen[1]).all() and (seen[1] == seen[2]).all()) for seen in views)
    light = [float(seen.float().mean()) for seen in views]
    dark = sum(each < 0.5 * float(picture.float().mean()) for each in light)
    assert 2 < grey < 30
    assert 1 < dark < 30


def test_night_is_dark_and_noisy() -> None:
    torch.manual_seed(0)
    dark = augment.night(torch.full((3, 32, 32), 200, dtype=torch.uint8)).float()
    assert dark.mean() < 110
    assert dark.std() > 1


def test_low_resolution_loses_detail_and_keeps_the_shape() -> None:
    torch.manual_seed(0)
    board = (torch.arange(32 * 32).reshape(32, 32) % 2 * 255).to(torch.uint8).expand(3, 32, 32)
    blurred = augment.low_resolution(board)
    assert blurred.shape == board.shape
    assert blurred.float().std() < 0.2 * board.float().std()


def test_a_quarter_turn_moves_pixels_and_changes_none() -> None:
    picture = torch.arange(3 * 4 * 4, dtype=torch.uint8).reshape(3, 4, 4)
    for seed in range(8):
        torch.manual_seed(seed)
        turned = augment.quarter_turns(picture)
        assert not torch.equal(turned, picture)
        assert torch.equal(turned.sort(dim=-1).values.sum(), picture.sort(dim=-1).values.sum())
        assert sorted(turned[0].flatten().tolist()) == sorted(picture[0].flatten().tolist())
