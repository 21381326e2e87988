"""Which of the engines' libraries are installed, and how to install those that are not. Imports none of them."""

import importlib.util
from typing import Final

from inference.errors import ModelUnusable

INSTALL_OPENVINO: Final = "pip install 'petstream[classify]'"
INSTALL_TORCH: Final = "pip install 'petstream[torch]'"


def is_installed(library: str) -> bool:
    """Whether a library can be imported; it is not imported."""
    return importlib.util.find_spec(library) is not None


def require_torch(what: str) -> None:
    """
    Check that torch is installed, which ``what`` needs.

    Raises:
        ModelUnusable: it is not; one sentence that begins with ``what`` and says how to install torch.
    """
    if not is_installed("torch"):
        raise ModelUnusable(f"{what} needs torch, which is not installed: {INSTALL_TORCH}")
