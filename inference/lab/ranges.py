"""Measures the int8 ranges of a network that ``export`` builds, for ``petstream model ranges``. Needs ``model``."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inference.engines.openvino_conversion import convert
from inference.lab.int8 import Ranges, measured
from inference.lab.parts import Part
from inference.model.archive import archive


def measure(
    part: Part,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Ranges:
    """
    The ranges of a network's convolutions on pictures of its own input, uint8 (S, S, 3).

    Raises:
        ModelUnusable: the network has nothing to quantize.
    """
    side = part.input.size
    network = convert(archive(part.network(side), side, {}), side)
    found = measured(network, pictures, progress=progress)
    return Ranges(ranges=found, weights_sha256=part.weights_sha256, pictures=len(pictures))
