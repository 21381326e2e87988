"""The pictures on which int8 ranges are measured."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.manifest import InputSpec

PICTURES_MIN: Final = 30  # enough that one unusual picture does not decide the ranges
PICTURES_MAX: Final = 300  # more change the means by less than their own spread


def calibration_pictures(folder: Path, spec: InputSpec) -> list[NDArray[np.uint8]]:
    """
    The pictures of a folder as the model's input, uint8 (S, S, 3); evenly sampled if there are more than needed.

    Files that do not decode are left out.

    Raises:
        OSError: the folder or a file cannot be read.
        ValueError: there are too few.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    found = []
    for path in files[:: max(1, len(files) // PICTURES_MAX)]:
        try:
            found.append(decode(path.read_bytes(), spec, Limits()))
        except RejectedImage:
            continue
    if len(found) < PICTURES_MIN:
        raise ValueError(
            f"{folder} has {len(found)} pictures that decode; at least {PICTURES_MIN} are needed, of the kind that "
            "will be classified. They need no labels."
        )
    return found[:PICTURES_MAX]
