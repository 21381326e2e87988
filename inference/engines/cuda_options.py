"""How the engine for NVIDIA GPUs computes; apart from it, since who only passes this on need not load torch."""

from dataclasses import dataclass
from typing import Final, Literal

Precision = Literal["half", "float32"]


@dataclass(frozen=True, slots=True)
class Options:
    """
    What may be chosen. ``precision`` half falls back to float32 where the module does not take it; ``graphs`` records
    each batch size once as a CUDA graph, which spares small batches the launching of 200 kernels one by one.
    """

    precision: Precision = "half"
    graphs: bool = True


DEFAULTS: Final = Options()
