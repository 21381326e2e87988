"""Options of the CUDA engine. A module of its own, so that passing them on does not import torch."""

from dataclasses import dataclass
from typing import Final, Literal

Precision = Literal["half", "float32"]


@dataclass(frozen=True, slots=True)
class Options:
    """
    ``precision`` half falls back to float32 if the module does not support it. ``graphs`` records each batch size as a
    CUDA graph, which saves small batches the launch of 200 single kernels.
    """

    precision: Precision = "half"
    graphs: bool = True


DEFAULTS: Final = Options()
