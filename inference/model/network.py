"""Step 2 of building a model file: from pixels to scores, by one network or by two. Needs the extra ``model``."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inference.manifest import Cascade


class Normalise(nn.Module):
    """uint8 (N, S, S, 3) → float32 (N, 3, S, S): minus ``offset``, divided by ``scale``, one number per channel."""

    def __init__(self, offset: Sequence[float], scale: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("offset", torch.tensor(offset)[:, None, None])
        self.register_buffer("scale", torch.tensor(scale)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        return (images.permute(0, 3, 1, 2).float() - self.get_buffer("offset")) / self.get_buffer("scale")


def normalise_lite() -> Normalise:
    """As ``architecture.normalised``."""
    return Normalise([127.0] * 3, [128.0] * 3)


class Resize(nn.Module):
    """
    float32 (N, 3, S, S) → (N, 3, T, T), as ``interpolate(mode="bilinear", align_corners=False, antialias=False)``.

    Written out as a selection of rows and columns, it is the same arithmetic in torch and in OpenVINO, whose operator
    for this takes 0.4 ms longer, a twentieth of the small network.
    """

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        at = ((torch.arange(target, dtype=torch.float64) + 0.5) * source / target - 0.5).clamp(0, source - 1)
        before = at.floor().long()
        self.register_buffer("before", before)
        self.register_buffer("after", (before + 1).clamp(max=source - 1))
        self.register_buffer("share", (at - before).float())

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        share = self.get_buffer("share")
        rows = self._between(pixels, 2, share[:, None])
        return self._between(rows, 3, share)

    def _between(self, pixels: Tensor, axis: int, share: Tensor) -> Tensor:
        before, after = (pixels.index_select(axis, self.get_buffer(name)) for name in ("before", "after"))
        return before + (after - before) * share


class CatDogNet(nn.Module):
    """uint8 (N, S, S, 3) → scores, float32 (N, 3): cat, dog, neither, summing to 1."""

    def __init__(self, normalise: nn.Module, backbone: nn.Module, head: nn.Module, *, side: int, own_side: int) -> None:
        """
        Args:
            normalise: makes float32 (N, 3, side, side) of the pictures.
            backbone: takes float32 (N, 3, own_side, own_side).
            head: makes scores of what the backbone gives.
            side: of the pictures, in pixels.
            own_side: of the backbone's input.
        """
        super().__init__()
        self.normalise = normalise
        self.resize = nn.Identity() if side == own_side else Resize(side, own_side)
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        scores: Tensor = self.head(self.backbone(self.resize(self.normalise(images))))
        return scores


class CascadeNet(nn.Module):
    """
    uint8 (N, S, S, 3) → scores, float32 (N, 3): the small network's where it is sure, else as the rule says.

    Computes both for each picture: without branches, a GPU can record it as a graph. A GPU has time to spare; for CPUs
    the file has a network in OpenVINO's format that branches.
    """

    def __init__(self, small: nn.Module, large: nn.Module, cascade: Cascade) -> None:
        super().__init__()
        self.small = small
        self.large = large
        self.cascade = cascade

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        scores, others = self.small(images), self.large(images)
        if self.cascade.rule == "mean":
            others = (scores + others) / 2
        deferred = scores.amax(1, keepdim=True) < self.cascade.defer_below
        return torch.where(deferred, others, scores)
